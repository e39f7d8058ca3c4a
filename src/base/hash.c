// SipHash-2-4, as its authors' reference implementation has it. Any thread.

#include "base/hash.h"

#include <unistd.h>
#include "base/clock.h"

static uint64_t rotate(uint64_t x, int bits) {
  return x << bits | x >> (64 - bits);
}

static void mix(uint64_t v[4]) {
  v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
  v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static void mix_word(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  mix(v);
  mix(v);
  v[0] ^= word;
}

// Up to 8 bytes, the first one lowest.
static uint64_t read_word(const unsigned char *p, size_t n) {
  uint64_t word = 0;
  for (size_t i = 0; i < n; i++)
    word |= (uint64_t)p[i] << (8 * i);
  return word;
}

void hash_key_init(struct hash_key *key) {
  if (getentropy(key, sizeof *key) == 0) return;
  // A kernel without the call: what a peer can't know exactly must do.
  key->k0 = clock_ns() * UINT64_C(0x9e3779b97f4a7c15);
  key->k1 = (uint64_t)(uintptr_t)key * UINT64_C(0xc2b2ae3d27d4eb4f) + key->k0;
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n) {
  uint64_t v[4] = {key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                   key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
  const unsigned char *p = data;
  size_t left = n;
  for (; left >= 8; p += 8, left -= 8)
    mix_word(v, read_word(p, 8));
  mix_word(v, read_word(p, left) | (uint64_t)n << 56);
  v[2] ^= 0xff;
  for (int i = 0; i < 4; i++)
    mix(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
