#ifndef REACTOR_ENTROPY_H
#define REACTOR_ENTROPY_H

// Random bytes that nobody can guess, from the system, of which one call brings many: for the masks
// and keys of clients (RFC 6455 sections 4.1 and 5.3). Loop thread.

#include <stddef.h>
#include <stdint.h>

#ifdef LUAWS_TINY
#define ENTROPY_SIZE 16
#else
#define ENTROPY_SIZE 4096
#endif

struct entropy {
  size_t left; // at the end of bytes[]; zeroed: none
  uint8_t bytes[ENTROPY_SIZE];
};

// `n` of them (at most 16), good until the next call. A system without any is broken: aborts.
const uint8_t *entropy_take(struct entropy *e, size_t n);

#endif
