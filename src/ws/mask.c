// Masking touches every byte that a client sends, so it goes by steps as wide as the machine has
// vectors for, and looks at the bytes while it has them. Runs on any thread.

#include "ws/mask.h"

#include <string.h>
#include "ws/wide.h"

#define STEP      64 // bytes: two vectors with AVX2, four with SSE2 or NEON
#define HIGH_BITS ((uint64_t)0x8080808080808080)

static uint64_t turn_key(const uint8_t key[4], uint64_t offset);
static uint64_t mask_steps(uint8_t *dst, const uint8_t *src, size_t n, uint64_t key);
static uint64_t mask_rest(uint8_t *dst, const uint8_t *src, size_t n, uint64_t key);

// Steps and words are multiples of 4 bytes, so that the key needs turning once only, here.
bool ws_mask_copy(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4],
                  uint64_t offset) {
  uint64_t turned = turn_key(key, offset);
  size_t wide = n - n % STEP;
  uint64_t seen = wide > 0 ? mask_steps(dst, src, wide, turned) : 0;
  seen |= mask_rest(dst + wide, src + wide, n - wide, turned);
  return (seen & HIGH_BITS) == 0;
}

// The key as a word, twice, with the byte at `offset` first.
static uint64_t turn_key(const uint8_t key[4], uint64_t offset) {
  uint32_t word;
  memcpy(&word, key, sizeof word);
  unsigned by = 8 * (offset & 3);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  word = word >> by | word << (-by & 31);
#else
  word = word << by | word >> (-by & 31);
#endif
  return (uint64_t)word << 32 | word;
}

// The vectors are the compiler's: each function that this becomes a part of makes of them what its
// target has. The memcpy are plain loads and stores, of any alignment. Returns all words in one.
static inline __attribute__((always_inline)) uint64_t mask_vectors(uint8_t *dst, const uint8_t *src,
                                                                   size_t n, uint64_t key64) {
  uint64_t __attribute__((vector_size(STEP / 2))) key = {key64, key64, key64, key64};
  uint64_t __attribute__((vector_size(STEP / 2))) seen = {0}, a, b;
  for (size_t i = 0; i < n; i += STEP) {
    memcpy(&a, src + i, sizeof a);
    memcpy(&b, src + i + sizeof a, sizeof b);
    a ^= key;
    b ^= key;
    seen |= a | b;
    memcpy(dst + i, &a, sizeof a);
    memcpy(dst + i + sizeof a, &b, sizeof b);
  }
  return seen[0] | seen[1] | seen[2] | seen[3];
}

#ifdef WS_WIDE_AVX2
WS_WIDE_TARGET static uint64_t mask_avx2(uint8_t *dst, const uint8_t *src, size_t n, uint64_t key) {
  return mask_vectors(dst, src, n, key);
}
#endif

static uint64_t mask_steps(uint8_t *dst, const uint8_t *src, size_t n, uint64_t key) {
#ifdef WS_WIDE_AVX2
  if (ws_wide_is_usable()) return mask_avx2(dst, src, n, key);
#endif
  return mask_vectors(dst, src, n, key);
}

// What fills no step: words, then bytes.
static uint64_t mask_rest(uint8_t *dst, const uint8_t *src, size_t n, uint64_t key) {
  uint64_t seen = 0, word;
  size_t i = 0;
  for (; n - i >= sizeof word; i += sizeof word) {
    memcpy(&word, src + i, sizeof word);
    word ^= key;
    seen |= word;
    memcpy(dst + i, &word, sizeof word);
  }
  uint8_t bytes[sizeof key];
  memcpy(bytes, &key, sizeof key);
  for (size_t j = 0; i < n; i++, j++) {
    dst[i] = src[i] ^ bytes[j];
    seen |= dst[i];
  }
  return seen;
}
