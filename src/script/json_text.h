#ifndef SCRIPT_JSON_TEXT_H
#define SCRIPT_JSON_TEXT_H

// What reading and writing JSON strings have in common. Pure.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_TEXT_BLOCK 16

// Sixteen bytes of text: where something is that can't simply be taken over (quotes, backslashes,
// control characters). A bit for each byte, the first one's lowest. *high: set when one is above
// ASCII.
static inline uint32_t json_text_stops(uint64_t first, uint64_t last, bool *high) {
#ifdef __SSE2__
  __m128i b = _mm_set_epi64x((long long)last, (long long)first);
  __m128i quote = _mm_cmpeq_epi8(b, _mm_set1_epi8('"'));
  __m128i backslash = _mm_cmpeq_epi8(b, _mm_set1_epi8('\\'));
  __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(0x1f)), b);
  if (_mm_movemask_epi8(b)) *high = true;
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
#else
  uint64_t both[2] = {first, last};
  unsigned char text[JSON_TEXT_BLOCK];
  memcpy(text, both, sizeof text);
  uint32_t stops = 0;
  for (unsigned i = 0; i < JSON_TEXT_BLOCK; i++) {
    stops |= (uint32_t)(text[i] < 0x20 || text[i] == '"' || text[i] == '\\') << i;
    if (text[i] >= 0x80) *high = true;
  }
  return stops;
#endif
}

static inline uint64_t json_text_load_8(const char *p) {
  uint64_t eight;
  memcpy(&eight, p, sizeof eight);
  return eight;
}

static inline uint64_t json_text_load_4(const char *p) {
  uint32_t four;
  memcpy(&four, p, sizeof four);
  return four;
}

// Fewer than sixteen bytes, in pieces that overlap: nothing beside them is read.
static inline bool json_text_is_plain(const char *p, size_t n, bool *high) {
  const uint64_t plain = UINT64_C(0x2020202020202020);
  if (n >= 8) return !json_text_stops(json_text_load_8(p), json_text_load_8(p + n - 8), high);
  if (n >= 4) {
    uint64_t both = json_text_load_4(p) << 32 | json_text_load_4(p + n - 4);
    return !json_text_stops(both, plain, high);
  }
  uint64_t few = plain;
  for (size_t i = 0; i < n; i++)
    few = few << 8 | (unsigned char)p[i];
  return !json_text_stops(few, plain, high);
}

// The first byte from `p` on that can't simply be taken over, else `limit`. *high: set when a byte
// above ASCII was passed, or is near.
static inline const char *json_text_skip_plain(const char *p, const char *limit, bool *high) {
  for (; limit - p >= JSON_TEXT_BLOCK; p += JSON_TEXT_BLOCK) {
    uint32_t stops = json_text_stops(json_text_load_8(p), json_text_load_8(p + 8), high);
    if (stops) return p + __builtin_ctz(stops);
  }
  if (json_text_is_plain(p, (size_t)(limit - p), high)) return limit;
  while ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
    p++;
  return p;
}

#endif
