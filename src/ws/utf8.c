// Checks text. Every text message passes here, most of it ASCII, so 16 ASCII bytes go in one step
// and anything else through an automaton without branches. Runs on any thread.

#include "ws/utf8.h"

#include <string.h>
#include "ws/utf8_wide.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK 16

// The automaton's states are bit offsets into a row of `steps`: the six bits there are the next
// state. So a step is one shift, and no load depends on the step before.
enum state {
  START = 0,
  REJECT = 6,  // left by no byte
  TAIL_1 = 12, // one more byte 80..BF
  TAIL_2 = 18,
  TAIL_3 = 24,
  AFTER_E0 = 30, // A0..BF, else overlong
  AFTER_ED = 36, // 80..9F, else a surrogate
  AFTER_F0 = 42, // 90..BF, else overlong
  AFTER_F4 = 48, // 80..8F, else past U+10FFFF
};

enum class {
  ASCII,
  TAIL_80, // 80..8F
  TAIL_90, // 90..9F
  TAIL_A0, // A0..BF
  NEVER,   // C0, C1, F5..FF
  LEAD_2,  // C2..DF
  LEAD_3,  // E1..EF but ED
  LEAD_4,  // F1..F3
  LEAD_E0,
  LEAD_ED,
  LEAD_F0,
  LEAD_F4,
};

#define TIMES_4(x)  x, x, x, x
#define TIMES_16(x) TIMES_4(x), TIMES_4(x), TIMES_4(x), TIMES_4(x)

static const uint8_t classes[256] = {
    // 00..7F
    TIMES_16(ASCII), TIMES_16(ASCII), TIMES_16(ASCII), TIMES_16(ASCII), TIMES_16(ASCII),
    TIMES_16(ASCII), TIMES_16(ASCII), TIMES_16(ASCII),
    // 80..BF
    TIMES_16(TAIL_80), TIMES_16(TAIL_90), TIMES_16(TAIL_A0), TIMES_16(TAIL_A0),
    // C0..DF
    NEVER, NEVER, LEAD_2, LEAD_2, TIMES_4(LEAD_2), TIMES_4(LEAD_2), TIMES_4(LEAD_2),
    TIMES_16(LEAD_2),
    // E0..EF
    LEAD_E0, LEAD_3, LEAD_3, LEAD_3, TIMES_4(LEAD_3), TIMES_4(LEAD_3), LEAD_3, LEAD_ED, LEAD_3,
    LEAD_3,
    // F0..FF
    LEAD_F0, LEAD_4, LEAD_4, LEAD_4, LEAD_F4, NEVER, NEVER, NEVER, TIMES_4(NEVER), TIMES_4(NEVER)};

// A row starts as REJECT everywhere; GO turns one field of it into another state.
#define ALL_REJECT   ((uint64_t)0x186186186186186)
#define GO(from, to) ((uint64_t)((to) ^ REJECT) << (from))
#define GO_TAIL      (GO(TAIL_1, START) | GO(TAIL_2, TAIL_1) | GO(TAIL_3, TAIL_2))

static const uint64_t steps[] = {
    [ASCII] = ALL_REJECT ^ GO(START, START),
    [TAIL_80] = ALL_REJECT ^ (GO_TAIL | GO(AFTER_ED, TAIL_1) | GO(AFTER_F4, TAIL_2)),
    [TAIL_90] = ALL_REJECT ^ (GO_TAIL | GO(AFTER_ED, TAIL_1) | GO(AFTER_F0, TAIL_2)),
    [TAIL_A0] = ALL_REJECT ^ (GO_TAIL | GO(AFTER_E0, TAIL_1) | GO(AFTER_F0, TAIL_2)),
    [NEVER] = ALL_REJECT,
    [LEAD_2] = ALL_REJECT ^ GO(START, TAIL_1),
    [LEAD_3] = ALL_REJECT ^ GO(START, TAIL_2),
    [LEAD_4] = ALL_REJECT ^ GO(START, TAIL_3),
    [LEAD_E0] = ALL_REJECT ^ GO(START, AFTER_E0),
    [LEAD_ED] = ALL_REJECT ^ GO(START, AFTER_ED),
    [LEAD_F0] = ALL_REJECT ^ GO(START, AFTER_F0),
    [LEAD_F4] = ALL_REJECT ^ GO(START, AFTER_F4),
};

static size_t finish_character(struct ws_utf8 *u, const uint8_t *p, size_t n);
static bool is_ascii_block(const uint8_t *p);
static uint8_t run(uint8_t state, const uint8_t *p, size_t n);

bool ws_utf8_feed(struct ws_utf8 *u, const uint8_t *p, size_t n) {
  if (n >= WS_UTF8_WIDE_MIN) {
    size_t tail = finish_character(u, p, n);
    size_t wide = u->state == START ? ws_utf8_wide_skip(p + tail, n - tail) : 0;
    p += tail + wide;
    n -= tail + wide;
  }
  for (; n >= BLOCK; p += BLOCK, n -= BLOCK) {
    if (u->state == START && is_ascii_block(p)) continue;
    u->state = run(u->state, p, BLOCK);
    if (u->state == REJECT) return false;
  }
  u->state = run(u->state, p, n);
  return u->state != REJECT;
}

bool ws_utf8_valid(const void *p, size_t n) {
  struct ws_utf8 u = {0};
  return ws_utf8_feed(&u, p, n) && ws_utf8_is_complete(&u);
}

// Takes what is missing of a character that the piece before has begun; returns its length.
static size_t finish_character(struct ws_utf8 *u, const uint8_t *p, size_t n) {
  size_t done = 0;
  while (done < n && u->state != START && u->state != REJECT)
    u->state = run(u->state, p + done++, 1);
  return done;
}

static bool is_ascii_block(const uint8_t *p) {
#ifdef __SSE2__
  return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p)) == 0;
#else
  uint64_t words[2];
  memcpy(words, p, sizeof words);
  return ((words[0] | words[1]) & 0x8080808080808080) == 0;
#endif
}

static uint8_t run(uint8_t state, const uint8_t *p, size_t n) {
  uint64_t now = state; // above the six bits: the rest of a row
  for (size_t i = 0; i < n; i++)
    now = steps[classes[p[i]]] >> (now & 63);
  return now & 63;
}
