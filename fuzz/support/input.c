// See input.h.

#include "support/input.h"

#include <string.h>
#include "base/mem.h"

uint8_t input_byte(struct input *in) {
  if (in->n == 0) return 0;
  in->n--;
  return *in->p++;
}

uint32_t input_word(struct input *in) {
  uint32_t word = 0;
  for (int i = 0; i < 4; i++)
    word = word << 8 | input_byte(in);
  return word;
}

struct input input_take(struct input *in, size_t n) {
  struct input taken = {in->p, n < in->n ? n : in->n};
  in->p += taken.n;
  in->n -= taken.n;
  return taken;
}

struct span input_part(struct span *rest, char mark) {
  const char *end = rest->n > 0 ? memchr(rest->p, mark, rest->n) : NULL;
  struct span part = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
  size_t gone = end ? part.n + 1 : part.n;
  rest->p += gone, rest->n -= gone;
  return part;
}

uint8_t *input_copy(const void *p, size_t n) {
  uint8_t *copy = mem_alloc(n);
  if (n > 0) memcpy(copy, p, n);
  return copy;
}

UNWATCHED void input_repeat(uint8_t *to, size_t n, struct input part) {
  for (size_t i = 0; i < n; i++)
    to[i] = part.n > 0 ? part.p[i % part.n] : 0;
}

UNWATCHED size_t input_piece(size_t left, size_t widest, uint32_t *random) {
  *random = *random * 1664525 + 1013904223;
  size_t size = widest == 0 ? left : 1 + (*random >> 8) % widest;
  return size < left ? size : left;
}
