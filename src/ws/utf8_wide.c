// UTF-8 by vectors, as J. Keiser and D. Lemire have found it ("Validating UTF-8 in less than one
// instruction per byte", 2021): whether two neighbouring bytes may stand together is looked up by
// three of their four halves, in tables of 16 bytes, for all pairs of a vector at once. The
// algorithm stands here once; what the two kinds of machine call its steps stands before it.
// Runs on any thread.

#include "ws/utf8_wide.h"

#include "ws/wide.h"

#if defined(WS_WIDE_AVX2)
#include <immintrin.h>
#elif defined(WS_WIDE_NEON)
#include <arm_neon.h>
#endif

#if defined(WS_WIDE_AVX2) || defined(WS_WIDE_NEON)

#define INLINE WS_WIDE_TARGET static inline __attribute__((always_inline))

#ifdef WS_WIDE_AVX2

#define VECTOR __m256i

INLINE VECTOR load(const uint8_t *p) {
  return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE VECTOR load_table(const uint8_t *table) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

INLINE VECTOR fill(uint8_t byte) {
  return _mm256_set1_epi8((char)byte);
}

// Of each byte of `index`, 0 to 15, what stands there in the table.
INLINE VECTOR look_up(VECTOR table, VECTOR index) {
  return _mm256_shuffle_epi8(table, index);
}

INLINE VECTOR high_halves(VECTOR v) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 4), fill(0x0F));
}

INLINE VECTOR both(VECTOR a, VECTOR b) {
  return _mm256_and_si256(a, b);
}

INLINE VECTOR either(VECTOR a, VECTOR b) {
  return _mm256_or_si256(a, b);
}

INLINE VECTOR differ(VECTOR a, VECTOR b) {
  return _mm256_xor_si256(a, b);
}

// a - b, 0 at least.
INLINE VECTOR minus(VECTOR a, VECTOR b) {
  return _mm256_subs_epu8(a, b);
}

// Each byte's neighbour, `distance` places before it.
#define BEFORE(now, last, distance)                                                                \
  _mm256_alignr_epi8(now, _mm256_permute2x128_si256(last, now, 0x21), 16 - (distance))

INLINE bool is_ascii(VECTOR v) {
  return _mm256_movemask_epi8(v) == 0;
}

INLINE bool is_zero(VECTOR v) {
  return _mm256_testz_si256(v, v) != 0;
}

#else

#define VECTOR uint8x16_t

INLINE VECTOR load(const uint8_t *p) {
  return vld1q_u8(p);
}

INLINE VECTOR load_table(const uint8_t *table) {
  return vld1q_u8(table);
}

INLINE VECTOR fill(uint8_t byte) {
  return vdupq_n_u8(byte);
}

INLINE VECTOR look_up(VECTOR table, VECTOR index) {
  return vqtbl1q_u8(table, index);
}

INLINE VECTOR high_halves(VECTOR v) {
  return vshrq_n_u8(v, 4);
}

INLINE VECTOR both(VECTOR a, VECTOR b) {
  return vandq_u8(a, b);
}

INLINE VECTOR either(VECTOR a, VECTOR b) {
  return vorrq_u8(a, b);
}

INLINE VECTOR differ(VECTOR a, VECTOR b) {
  return veorq_u8(a, b);
}

INLINE VECTOR minus(VECTOR a, VECTOR b) {
  return vqsubq_u8(a, b);
}

#define BEFORE(now, last, distance) vextq_u8(last, now, 16 - (distance))

INLINE bool is_ascii(VECTOR v) {
  return vmaxvq_u8(v) < 0x80;
}

INLINE bool is_zero(VECTOR v) {
  return vmaxvq_u8(v) == 0;
}

#endif

// What can be wrong with two neighbours, a bit each. A pair is at fault when all three look-ups
// agree on a bit.
enum {
  TOO_SHORT = 1 << 0,  // a lead, then no continuation
  TOO_LONG = 1 << 1,   // ASCII, then a continuation
  OVERLONG_3 = 1 << 2, // E0 80..9F
  TOO_LARGE = 1 << 3,  // F4 90.., F5.. 90..
  SURROGATE = 1 << 4,  // ED A0..BF
  OVERLONG_2 = 1 << 5, // C0, C1
  OVERLONG_4 = 1 << 6, // F0 80..8F; and, as no pair can be both, F5.. 80..8F
  PAST_LAST = OVERLONG_4,
  TAILS = 1 << 7, // two continuations: right where a long character is, else a fault
  ANY = TOO_SHORT | TOO_LONG | TAILS,   // doesn't depend on the first byte's low half
  TAIL = TOO_LONG | TAILS | OVERLONG_2, // any continuation
  BEYOND = ANY | TOO_LARGE | PAST_LAST, // F5..FF
};

#define TIMES_4(x) x, x, x, x

static const uint8_t first_high[16] = {
    // 0..B
    TIMES_4(TOO_LONG),
    TIMES_4(TOO_LONG),
    TIMES_4(TAILS),
    TOO_SHORT | OVERLONG_2,             // C
    TOO_SHORT,                          // D
    TOO_SHORT | OVERLONG_3 | SURROGATE, // E
    TOO_SHORT | OVERLONG_4 | TOO_LARGE | PAST_LAST};

static const uint8_t first_low[16] = {
    // C0, E0, F0
    ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4,
    ANY | OVERLONG_2, // C1
    ANY,
    ANY,
    ANY | TOO_LARGE, // F4
    BEYOND,
    BEYOND,
    BEYOND,
    TIMES_4(BEYOND),
    BEYOND,
    BEYOND | SURROGATE, // ED
    BEYOND,
    BEYOND, // FE, FF
};

static const uint8_t second_high[16] = {
    // 0..7
    TIMES_4(TOO_SHORT),
    TIMES_4(TOO_SHORT),
    TAIL | OVERLONG_3 | OVERLONG_4 | PAST_LAST, // 8
    TAIL | OVERLONG_3 | TOO_LARGE,              // 9
    TAIL | SURROGATE | TOO_LARGE,               // A
    TAIL | SURROGATE | TOO_LARGE,               // B
    TIMES_4(TOO_SHORT)};

// The faults in `now`, each in the place where it shows; `last` is the vector before it.
INLINE VECTOR faults(VECTOR now, VECTOR last) {
  VECTOR before = BEFORE(now, last, 1);
  VECTOR pairs = both(look_up(load_table(first_high), high_halves(before)),
                      look_up(load_table(first_low), both(before, fill(0x0F))));
  pairs = both(pairs, look_up(load_table(second_high), high_halves(now)));
  // Behind a lead of 3 or 4, two and three places on, there is a second continuation.
  VECTOR third = minus(BEFORE(now, last, 2), fill(0xE0 - 0x80));
  VECTOR fourth = minus(BEFORE(now, last, 3), fill(0xF0 - 0x80));
  return differ(both(either(third, fourth), fill(TAILS)), pairs);
}

// How many bytes before `end` belong to a character that goes on behind it.
static size_t cut_off(const uint8_t *end) {
  if (end[-1] >= 0xC0) return 1;
  if (end[-2] >= 0xE0) return 2;
  return end[-3] >= 0xF0 ? 3 : 0;
}

// How many bytes from the start are ASCII, in pairs of vectors.
INLINE size_t skip_ascii(const uint8_t *p, size_t n) {
  size_t done = 0;
  while (n - done >= 2 * sizeof(VECTOR) &&
         is_ascii(either(load(p + done), load(p + done + sizeof(VECTOR)))))
    done += 2 * sizeof(VECTOR);
  return done;
}

WS_WIDE_TARGET static size_t skip(const uint8_t *p, size_t n) {
  size_t done = skip_ascii(p, n);
  VECTOR last = fill(0);
  while (n - done >= sizeof(VECTOR)) {
    VECTOR now = load(p + done);
    if (!is_zero(faults(now, last))) break;
    done += sizeof(VECTOR);
    last = now;
    if (is_ascii(now)) done += skip_ascii(p + done, n - done); // of which the last is like `last`
  }
  return done == 0 ? 0 : done - cut_off(p + done);
}

size_t ws_utf8_wide_skip(const uint8_t *p, size_t n) {
  return ws_wide_is_usable() ? skip(p, n) : 0;
}

#else

size_t ws_utf8_wide_skip(const uint8_t *p, size_t n) {
  (void)p;
  (void)n;
  return 0;
}

#endif
