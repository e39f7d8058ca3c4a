// Masking touches every byte that a client sends, so it goes by words as wide as the machine
// surely has. Runs on any thread.

#include "ws/mask.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static size_t mask_wide(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4]);

// The wide part is a multiple of 4 bytes, so that the key needs turning once only, here.
void ws_mask_copy(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4],
                  uint64_t offset) {
  uint8_t turned[4];
  for (size_t i = 0; i < 4; i++)
    turned[i] = key[(offset + i) & 3];
  for (size_t i = mask_wide(dst, src, n, turned); i < n; i++)
    dst[i] = src[i] ^ turned[i & 3];
}

// Masks as many bytes from the start as fill whole words; returns their number. The memcpy are
// plain loads and stores, of any alignment.
static size_t mask_wide(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4]) {
  uint32_t key32;
  memcpy(&key32, key, 4);
  uint64_t key64 = (uint64_t)key32 << 32 | key32;
  size_t i = 0;
#ifdef __SSE2__
  __m128i key128 = _mm_set1_epi32((int)key32);
  for (; n - i >= 32; i += 32) {
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(src + i));
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(src + i + 16));
    _mm_storeu_si128((__m128i *)(void *)(dst + i), _mm_xor_si128(a, key128));
    _mm_storeu_si128((__m128i *)(void *)(dst + i + 16), _mm_xor_si128(b, key128));
  }
#endif
  for (; n - i >= 8; i += 8) {
    uint64_t word;
    memcpy(&word, src + i, 8);
    word ^= key64;
    memcpy(dst + i, &word, 8);
  }
  return i;
}
