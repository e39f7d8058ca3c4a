#ifndef WS_MASK_H
#define WS_MASK_H

// Masking, RFC 6455 section 5.3: XOR with a 4-byte key; the same call masks and unmasks. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Copies `n` bytes from `src` to `dst`, XORed with `key` as from position `offset` of the payload.
// `dst` may be `src`; otherwise they must not overlap. Returns whether what `dst` got is ASCII
// alone: of most texts that is all that there is to check.
bool ws_mask_copy(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4],
                  uint64_t offset);

#endif
