#ifndef BASE_BUF_H
#define BASE_BUF_H

// A growable run of bytes, born with its ceiling. Owned by one thread at a time.

#include "base/err.h"
#include "base/span.h"

struct buf {
  char *data; // NULL until the first byte
  size_t len; // bytes in use, <= cap
  size_t cap; // bytes allocated, <= max
  size_t max; // never grows past this
};

// Starts empty, without allocating. `max`: the ceiling in bytes.
void buf_init(struct buf *b, size_t max);

// Frees what is held; the buffer is empty and usable again.
void buf_deinit(struct buf *b);

// Makes room for `n` more bytes and returns where they go (the caller then adds to len), or NULL
// when that would pass the ceiling; then nothing has changed.
char *buf_reserve(struct buf *b, size_t n);

// 0, or ERR_TOO_BIG: then nothing has changed.
int buf_append(struct buf *b, const void *p, size_t n);
int buf_append_str(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Drops the first `n` bytes (n <= len).
void buf_consume(struct buf *b, size_t n);

// Hands the bytes out: the caller frees them with mem_free; the buffer is empty again. NULL when
// nothing was ever written.
char *buf_take(struct buf *b, size_t *len);

static inline struct span buf_span(const struct buf *b) {
  return (struct span){b->data, b->len};
}

#endif
