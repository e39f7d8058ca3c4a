#ifndef SCRIPT_JSON_TEXT_H
#define SCRIPT_JSON_TEXT_H

// What reading and writing JSON strings have in common. Pure.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// The first byte from `p` on that can't simply be taken over: a quote, a backslash, a control
// character; else `limit`. *high: set when a byte above ASCII was passed (left alone otherwise).
static inline const char *json_text_skip_plain(const char *p, const char *limit, bool *high) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
  uint64_t seen = 0;
  while (limit - p >= 8) {
    uint64_t eight;
    memcpy(&eight, p, 8);
    // The top bit of a byte of `x - ones & ~x` says that the byte (or one before it) is zero.
    uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';
    uint64_t stop = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                    ((eight - ones * 0x20) & ~eight);
    if (stop & tops) break;
    seen |= eight;
    p += 8;
  }
  if (seen & tops) *high = true;
  for (; p < limit; p++) {
    unsigned char c = (unsigned char)*p;
    if (c < 0x20 || c == '"' || c == '\\') break;
    if (c >= 0x80) *high = true;
  }
  return p;
}

#endif
