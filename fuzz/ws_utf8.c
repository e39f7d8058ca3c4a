// Fuzzes the check of UTF-8: vectors, the portable code and a plain reading of RFC 3629 must agree,
// on the first bad byte too, whole and cut anywhere. The first bytes choose the cuts and how often
// the rest is repeated, as vectors begin to matter with length.

#include <assert.h>
#include <stdint.h>

#include "spec/support/ws_portable.h"
#include "base/mem.h"
#include "support/input.h"
#include "support/plain.h"
#include "ws/utf8.h"
#include "ws/utf8_wide.h"

typedef bool utf8_feed(struct ws_utf8 *u, const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Feeds pieces, each of which must be refused when the first bad byte is in it, and not before.
static void check_pieces(utf8_feed *feed, const uint8_t *p, size_t n, size_t widest,
                         uint32_t random) {
  bool is_complete;
  size_t good = plain_utf8(p, n, &is_complete);
  struct ws_utf8 u = {0};
  for (size_t done = 0; done < n;) {
    size_t size = input_piece(n - done, widest, &random);
    uint8_t *piece = input_copy(p + done, size);
    bool is_good = feed(&u, piece, size);
    mem_free(piece);
    done += size;
    assert(is_good == (done <= good));
    if (!is_good) return;
  }
  assert(ws_utf8_is_complete(&u) == is_complete);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  uint32_t random = input_word(&in);
  size_t times = 1 + random % 8;
  size_t n = in.n * times;
  uint8_t *text = mem_alloc(n);
  input_repeat(text, n, in);

  bool is_complete;
  size_t good = plain_utf8(text, n, &is_complete);
  bool is_valid = good == n && is_complete;
  assert(ws_utf8_valid(text, n) == is_valid);
  assert(ws_portable_utf8_valid(text, n) == is_valid);
  size_t skipped = ws_utf8_wide_skip(text, n);
  assert(skipped <= good);
  plain_utf8(text, skipped, &is_complete);
  assert(is_complete);

  const size_t widths[] = {0, 1, 1 + (random >> 8) % 80};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    check_pieces(ws_utf8_feed, text, n, widths[i], random);
    check_pieces(ws_portable_utf8_feed, text, n, widths[i], random);
  }
  mem_free(text);
  return 0;
}
