#ifndef WS_UTF8_H
#define WS_UTF8_H

// UTF-8 as RFC 3629 has it (no surrogates, nothing overlong, nothing past U+10FFFF), checked in
// pieces, with a fast path for ASCII. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where the check stands between two pieces; zero-initialised at the start of a text.
struct ws_utf8 {
  uint8_t state; // 0: between two characters
};

// Checks the next `n` bytes. False at the first byte that no valid text can have at this place:
// also in the middle of a character (fail fast, RFC 6455 section 8.1).
bool ws_utf8_feed(struct ws_utf8 *u, const uint8_t *p, size_t n);

// Whether the text may end here.
static inline bool ws_utf8_is_complete(const struct ws_utf8 *u) {
  return u->state == 0;
}

// A whole text at once.
bool ws_utf8_valid(const void *p, size_t n);

#endif
