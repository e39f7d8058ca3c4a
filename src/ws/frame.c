// The frame header: the few bytes that every reader and writer of frames must agree on, in one
// place. Runs on any thread.

#include "ws/frame.h"

#include <assert.h>
#include <string.h>
#include "base/err.h"

#define LENGTH_7_MAX  125 // the largest length in the 7 bits of the second byte
#define LENGTH_IS_16  126 // in place of it: 2 bytes of length follow
#define LENGTH_IS_64  127 // 8 bytes of length follow
#define LENGTH_64_MAX (UINT64_MAX >> 1)

static int read_length(const uint8_t *p, size_t n, uint64_t *length);
static size_t write_length(uint8_t *out, uint64_t length);

int ws_frame_parse(const uint8_t *p, size_t n, struct ws_frame_header *h) {
  *h = (struct ws_frame_header){0};
  if (n < 1) return 2;
  h->opcode = p[0] & 0x0F;
  h->fin = (p[0] & 0x80) != 0;
  h->rsv = p[0] >> 4 & 7;
  if (n < 2) return 1;
  h->masked = (p[1] & 0x80) != 0;
  uint8_t code = p[1] & 0x7F;
  size_t size = code == LENGTH_IS_64 ? 10 : code == LENGTH_IS_16 ? 4 : 2;
  h->size = (uint8_t)(size + (h->masked ? 4 : 0));
  int result = read_length(p + 1, n - 1, &h->length);
  if (result != 0) return result;
  if (n < h->size) return (int)(h->size - n);
  if (h->masked) memcpy(h->key, p + size, 4);
  return 0;
}

size_t ws_frame_write(uint8_t *out, enum ws_opcode opcode, bool fin, bool rsv1, uint64_t length,
                      const uint8_t *key) {
  assert(length <= LENGTH_64_MAX);
  out[0] = (uint8_t)(opcode | (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0));
  size_t size = 1 + write_length(out + 1, length);
  if (key == NULL) return size;
  out[1] |= 0x80;
  memcpy(out + size, key, 4);
  return size + 4;
}

size_t ws_frame_header_size(uint64_t length, bool masked) {
  size_t size = length <= LENGTH_7_MAX ? 2 : length <= UINT16_MAX ? 4 : 10;
  return size + (masked ? 4 : 0);
}

// `p`: the header from its second byte on. Leaves *length alone while bytes of it are missing.
static int read_length(const uint8_t *p, size_t n, uint64_t *length) {
  uint8_t code = p[0] & 0x7F;
  if (code <= LENGTH_7_MAX) {
    *length = code;
    return 0;
  }
  size_t want = code == LENGTH_IS_16 ? 2 : 8;
  size_t have = n - 1 < want ? n - 1 : want;
  uint64_t value = 0;
  for (size_t i = 0; i < have; i++)
    value = value << 8 | p[1 + i];
  if (want == 2) {
    if (have == 2 && value <= LENGTH_7_MAX) return ERR_INVALID;
  } else {
    if (have > 0 && (p[1] & 0x80) != 0) return ERR_INVALID;
    // Six leading zeros: two bytes would have done.
    if (have >= 6 && value >> 8 * (have - 6) == 0) return ERR_INVALID;
  }
  if (have == want) *length = value;
  return 0;
}

static size_t write_length(uint8_t *out, uint64_t length) {
  if (length <= LENGTH_7_MAX) {
    out[0] = (uint8_t)length;
    return 1;
  }
  size_t size = length <= UINT16_MAX ? 2 : 8;
  out[0] = size == 2 ? LENGTH_IS_16 : LENGTH_IS_64;
  for (size_t i = 0; i < size; i++)
    out[1 + i] = (uint8_t)(length >> 8 * (size - 1 - i));
  return 1 + size;
}
