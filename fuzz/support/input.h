#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

// Takes an input apart: choices off its front, the rest in pieces.

#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

// For functions with loops over bytes: the fuzzer learns nothing by watching those.
#define UNWATCHED __attribute__((no_sanitize("coverage")))

struct input {
  const uint8_t *p;
  size_t n;
};

// Takes the next byte, or the next four as a number; what is missing reads as 0.
uint8_t input_byte(struct input *in);
uint32_t input_word(struct input *in);

// Takes up to `n` bytes.
struct input input_take(struct input *in, size_t n);

// Takes what stands before the next `mark`, and that with it; or all the rest.
struct span input_part(struct span *rest, char mark);

// A copy in a block of its own size, so that the sanitizer sees a read past its end. The caller
// frees it with mem_free. Also for 0 bytes.
uint8_t *input_copy(const void *p, size_t n);

// Fills `n` bytes with those of `part`, over and over; with zeros if it has none.
void input_repeat(uint8_t *to, size_t n, struct input part);

// The size of the next piece of `left` bytes, 1 at least: all of them when `widest` is 0, else up
// to `widest`, as *random has it, which moves on.
size_t input_piece(size_t left, size_t widest, uint32_t *random);

#endif
