#ifndef FUZZ_PLAIN_H
#define FUZZ_PLAIN_H

// What src/ws does fast, done plainly: straight from the RFCs, a byte at a time, and made in
// another way, so that both are hardly wrong together.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How many bytes from the start some UTF-8 text could begin with: `n`, or the place of the first
// bad byte. *is_complete: whether that many bytes are a text by themselves.
size_t plain_utf8(const uint8_t *p, size_t n, bool *is_complete);

// RFC 6455 section 5.3.
void plain_mask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4], uint64_t offset);

#endif
