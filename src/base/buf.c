// Growable bytes with a ceiling. No thread of its own: its owner's.

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/mem.h"

enum { FIRST_SIZE = 64 };

void buf_init(struct buf *b, size_t max) {
  *b = (struct buf){.max = max};
}

void buf_deinit(struct buf *b) {
  mem_free(b->data);
  b->data = NULL;
  b->len = b->cap = 0;
}

char *buf_reserve(struct buf *b, size_t n) {
  if (n > b->max - b->len) return NULL;
  if (n > b->cap - b->len || !b->data) {
    size_t cap = b->cap ? b->cap : FIRST_SIZE;
    while (cap < b->len + n)
      cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max) cap = b->max;
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
  }
  return b->data + b->len;
}

int buf_append(struct buf *b, const void *p, size_t n) {
  char *to = buf_reserve(b, n);
  if (!to) return ERR_TOO_BIG;
  if (n > 0) memcpy(to, p, n);
  b->len += n;
  return 0;
}

int buf_append_str(struct buf *b, const char *s) {
  return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *format, ...) {
  // Formatted aside: vsnprintf's NUL is no content and needs no room under the ceiling.
  char small[256], *text = small;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(small, sizeof small, format, args);
  if (n >= (int)sizeof small) {
    text = mem_alloc((size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
  }
  va_end(again);
  va_end(args);
  int result = n < 0 ? ERR_TOO_BIG : buf_append(b, text, (size_t)n);
  if (text != small) mem_free(text);
  return result;
}

void buf_consume(struct buf *b, size_t n) {
  b->len -= n;
  if (b->len > 0) memmove(b->data, b->data + n, b->len);
}

char *buf_take(struct buf *b, size_t *len) {
  char *data = b->data;
  if (len) *len = b->len;
  b->data = NULL;
  b->len = b->cap = 0;
  return data;
}
