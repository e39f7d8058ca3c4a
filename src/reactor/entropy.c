// Random bytes. Loop thread.

#include "reactor/entropy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static void refill(struct entropy *e) {
  int status = uv_random(NULL, NULL, e->bytes, sizeof e->bytes, 0, NULL);
  if (status != 0) {
    fprintf(stderr, "luaws: the system has no random bytes: %s\n", uv_strerror(status));
    abort();
  }
  e->left = sizeof e->bytes;
}

const uint8_t *entropy_take(struct entropy *e, size_t n) {
  assert(n <= 16);
  if (e->left < n) refill(e);
  e->left -= n;
  return e->bytes + e->left;
}
