#ifndef REACTOR_OUTBOX_H
#define REACTOR_OUTBOX_H

// Bytes that the kernel has not taken yet, of one connection, in order. Empty for nearly all
// connections nearly always: then it holds no memory. Loop thread.

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include "mailbox/shared.h"

struct outbox_chunk; // private

struct outbox {
  struct outbox_chunk *last; // of a ring: the first one is next to it. NULL: empty
};

void outbox_init(struct outbox *o);
void outbox_deinit(struct outbox *o);

// Appends a copy. `counted`: bytes that the worker's bufferedAmount counts (frames that it sent,
// as against handshakes, pongs and the like).
void outbox_push(struct outbox *o, const void *data, size_t size, bool counted);

// Appends `shared` from `offset` on, taking a reference, or a copy when it is small; counted.
void outbox_push_shared(struct outbox *o, struct shared *shared, size_t offset);

// Points up to `max` entries at the first bytes; returns how many.
int outbox_peek(const struct outbox *o, struct iovec *iov, int max);

// Drops the first `n` bytes: the kernel has them. Returns how many of them were counted.
size_t outbox_consume(struct outbox *o, size_t n);

// Drops everything. Returns how many bytes were counted. *torn: a chunk had been taken in part, so
// that whatever followed now would land in the middle of a frame.
size_t outbox_clear(struct outbox *o, bool *torn);

// How many bytes wait.
size_t outbox_bytes(const struct outbox *o);

static inline bool outbox_is_empty(const struct outbox *o) {
  return o->last == NULL;
}

#endif
