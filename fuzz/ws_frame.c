// Fuzzes the frame header. Read byte by byte it must tell the same sooner and never take it back;
// what is good must be what the writer writes; and what the writer writes must be read back.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "support/input.h"
#include "ws/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const uint8_t *p, size_t n, struct ws_frame_header *h) {
  uint8_t *copy = input_copy(p, n);
  int result = ws_frame_parse(copy, n, h);
  mem_free(copy);
  return result;
}

// Of a whole header that begins at `p`.
static void check_writer(const uint8_t *p, const struct ws_frame_header *h) {
  uint8_t out[WS_FRAME_HEADER_MAX];
  size_t n = ws_frame_write(out, (enum ws_opcode)h->opcode, h->fin, (h->rsv & 4) != 0, h->length,
                            h->masked ? h->key : NULL);
  out[0] |= (uint8_t)((h->rsv & 3) << 4);
  assert(n == h->size && n == ws_frame_header_size(h->length, h->masked));
  assert(memcmp(out, p, n) == 0);
}

static void check_equal(const struct ws_frame_header *a, const struct ws_frame_header *b) {
  assert(a->length == b->length && a->opcode == b->opcode && a->fin == b->fin);
  assert(a->rsv == b->rsv && a->masked == b->masked && a->size == b->size);
  assert(memcmp(a->key, b->key, sizeof a->key) == 0);
}

// Reads ever longer beginnings.
static void check_reader(const uint8_t *p, size_t n) {
  struct ws_frame_header whole, h;
  int outcome = parse(p, n, &whole);
  for (size_t have = 0; have <= n; have++) {
    int result = parse(p, have, &h);
    if (have >= 1) assert(h.opcode == whole.opcode && h.fin == whole.fin && h.rsv == whole.rsv);
    if (have >= 2) assert(h.masked == whole.masked && h.size == whole.size);
    if (result > 0) {
      assert(have < WS_FRAME_HEADER_MAX && (have < 2 || have + (size_t)result <= h.size));
      assert(h.length == 0 || h.length == whole.length || outcome != 0);
      continue;
    }
    // Once it has been told, it remains.
    assert(result == outcome && (result == 0 || result == ERR_INVALID));
    if (result != 0) continue;
    assert(have >= h.size && h.length >> 63 == 0);
    check_equal(&h, &whole);
    check_writer(p, &h);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > WS_FRAME_HEADER_MAX) size = WS_FRAME_HEADER_MAX;
  check_reader(data, size);

  // The same bytes as what to write.
  struct input in = {data, size};
  uint8_t first = input_byte(&in);
  uint64_t length = (uint64_t)(input_word(&in) & 0x7fffffff) << 32;
  length = (length | input_word(&in)) >> (input_byte(&in) & 63);
  bool is_masked = (first & 0x20) != 0;
  uint8_t key[4] = {1, 2, 3, first}, out[WS_FRAME_HEADER_MAX];
  size_t n = ws_frame_write(out, (enum ws_opcode)(first & 15), (first & 0x80) != 0,
                            (first & 0x40) != 0, length, is_masked ? key : NULL);
  struct ws_frame_header h;
  int result = parse(out, n, &h);
  assert(result == 0 && h.size == n && h.length == length && h.masked == is_masked);
  assert(h.opcode == (first & 15) && h.fin == (first >> 7) && h.rsv == (first >> 4 & 4));
  if (is_masked) assert(memcmp(h.key, key, sizeof key) == 0);
  check_reader(out, n);
  return 0;
}
