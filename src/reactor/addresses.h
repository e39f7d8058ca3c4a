#ifndef REACTOR_ADDRESSES_H
#define REACTOR_ADDRESSES_H

// How many connections each address has with one server, for maxConnectionsPerAddress. A hash
// table that grows; an entry lives while its count isn't 0. Loop thread.

#include <stddef.h>
#include <stdint.h>
#include "net/address.h"

struct addresses_entry {
  struct addresses_entry *next;
  uint64_t count;
  char text[ADDRESS_TEXT_MAX];
};

struct addresses {
  struct addresses_entry **buckets;
  size_t bucket_count; // a power of two, or 0
  size_t used;
  uint64_t seed; // so that a peer can't choose its bucket
};

void addresses_init(struct addresses *a);
void addresses_deinit(struct addresses *a);

// One more of that address, unless it has `limit` already: then NULL.
struct addresses_entry *addresses_enter(struct addresses *a, const char *text, uint64_t limit);

// One fewer; frees the entry after the last one.
void addresses_leave(struct addresses *a, struct addresses_entry *entry);

#endif
