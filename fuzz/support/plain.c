// See plain.h.

#include "support/plain.h"

#include "support/input.h"

// The code points that a character of so many bytes may have, but for the surrogates.
static const struct {
  uint32_t first, last;
} ranges[] = {{0, 0}, {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xffff}, {0x10000, 0x10ffff}};

UNWATCHED static unsigned length_of(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xf8 || lead < 0xc0) return 0;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

// Whether a character of `length` bytes can begin with these `n`: whether among the code points
// that the missing bits leave open there is a good one.
UNWATCHED static bool can_begin(const uint8_t *p, size_t n, unsigned length) {
  uint32_t low = length == 1 ? p[0] : p[0] & (0x7fu >> length);
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80) return false;
    low = low << 6 | (p[i] & 0x3f);
  }
  unsigned open = 6 * (unsigned)(length - n);
  uint32_t high = ((low + 1) << open) - 1;
  low <<= open;
  if (low < ranges[length].first) low = ranges[length].first;
  if (high > ranges[length].last) high = ranges[length].last;
  if (low > high) return false;
  return low < 0xd800 || high > 0xdfff;
}

UNWATCHED size_t plain_utf8(const uint8_t *p, size_t n, bool *is_complete) {
  *is_complete = true;
  for (size_t i = 0; i < n;) {
    unsigned length = length_of(p[i]);
    if (length == 0) return i;
    *is_complete = false;
    for (size_t have = 1; have <= length; have++) {
      if (i + have > n) return n;
      if (!can_begin(p + i, have, length)) return i + have - 1;
    }
    *is_complete = true;
    i += length;
  }
  return n;
}

UNWATCHED void plain_mask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4],
                          uint64_t offset) {
  for (size_t i = 0; i < n; i++)
    dst[i] = src[i] ^ key[(offset + i) % 4];
}
