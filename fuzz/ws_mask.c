// Fuzzes masking: vectors, the portable code and RFC 6455's formula must agree, wherever the bytes
// lie and whichever part of the payload they are; what they say of ASCII must be true; and masking
// twice, in place, restores. The first bytes choose the key, the offset, the alignment and how
// often the rest is repeated.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "spec/support/ws_portable.h"
#include "base/mem.h"
#include "support/input.h"
#include "support/plain.h"
#include "ws/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

UNWATCHED static bool is_ascii(const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] >= 0x80) return false;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  uint8_t key[4];
  for (size_t i = 0; i < sizeof key; i++)
    key[i] = input_byte(&in);
  uint64_t offset = (uint64_t)input_word(&in) << (input_byte(&in) & 31);
  uint8_t choice = input_byte(&in);
  size_t before = choice & 31, n = in.n * (1 + (choice >> 5));

  uint8_t *src = mem_alloc(before + n), *dst = mem_alloc(before + n), *expected = mem_alloc(n);
  input_repeat(src + before, n, in);
  plain_mask(expected, src + before, n, key, offset);
  bool expects_ascii = is_ascii(expected, n);

  assert(ws_mask_copy(dst + before, src + before, n, key, offset) == expects_ascii);
  assert(memcmp(dst + before, expected, n) == 0);
  assert(ws_portable_mask_copy(dst + before, src + before, n, key, offset) == expects_ascii);
  assert(memcmp(dst + before, expected, n) == 0);
  ws_mask_copy(dst + before, dst + before, n, key, offset);
  assert(memcmp(dst + before, src + before, n) == 0);
  mem_free(src);
  mem_free(dst);
  mem_free(expected);
  return 0;
}
