#ifndef BASE_HASH_H
#define BASE_HASH_H

// SipHash-2-4: a hash that nobody can aim at who doesn't know the key, for tables whose keys come
// from the network. Pure, but for hash_key_init.

#include <stddef.h>
#include <stdint.h>

struct hash_key {
  uint64_t k0;
  uint64_t k1;
};

// A random key.
void hash_key_init(struct hash_key *key);

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n);

#endif
