#ifndef MAILBOX_ADDRESSES_H
#define MAILBOX_ADDRESSES_H

// How many connections each address has with one WebSocket server, for maxConnectionsPerAddress: a
// table behind a lock. An entry lives while its count isn't 0. Any thread, but for init and deinit.

#include <pthread.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/table.h"

struct addresses_entry; // private

struct addresses {
  pthread_mutex_t lock; // of the rest
  struct table entries;
  struct hash_key key; // so that a peer can't choose its bucket
};

void addresses_init(struct addresses *a);

// All must have left.
void addresses_deinit(struct addresses *a);

// One more of that address, unless it has `limit` already: then NULL.
struct addresses_entry *addresses_enter(struct addresses *a, const char *text, uint64_t limit);

// One fewer; frees the entry after the last one.
void addresses_leave(struct addresses *a, struct addresses_entry *entry);

#endif
