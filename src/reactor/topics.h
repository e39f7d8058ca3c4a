#ifndef REACTOR_TOPICS_H
#define REACTOR_TOPICS_H

// Who has subscribed to what: a trie of segments with the subscribers at its nodes, for one
// WebSocket server in one reactor. It knows nothing of connections: an owner is a pointer.
// Loop thread.
//
// To find a topic's subscribers takes as many steps as the topic has segments, times the ways in
// which patterns match it, however many topics there are.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/list.h"
#include "base/span.h"
#include "base/table.h"

struct topics_node; // private
struct topics_subscription;

// What an owner's subscriptions hang on; there is none while it has no subscription.
struct topics_subscriber {
  void *owner;
  uint64_t stamp; // of the last search that has found it, when it looked for duplicates
  struct list subscriptions;
};

// An entry of a node's array, or of what a search has found.
struct topics_member {
  void *owner;
  struct topics_subscription *subscription;
};

struct topics {
  struct hash_key key;
  struct topics_node *root;    // NULL: no subscription
  struct table children;       // nodes below others, by parent and segment
  struct table subscriptions;  // by subscriber and node
  struct topics_member *found; // of a search in which several nodes had subscribers
  size_t found_count;
  size_t found_capacity;
  uint64_t stamp;
  uint64_t steps; // nodes looked at so far, for specs
};

void topics_init(struct topics *t);

// No subscription may be left.
void topics_deinit(struct topics *t);

// `topic` is a topic or a pattern that topic_check has found good, here and below. False: `owner`
// has that subscription already. *subscriber is the owner's, NULL at first.
bool topics_subscribe(struct topics *t, struct topics_subscriber **subscriber, void *owner,
                      struct span topic);

// False: there was no such subscription. After the last one *subscriber is NULL.
bool topics_unsubscribe(struct topics *t, struct topics_subscriber **subscriber, struct span topic);

// Ends all its subscriptions. *subscriber is NULL afterwards.
void topics_leave(struct topics *t, struct topics_subscriber **subscriber);

// The subscribers that a topic (no pattern) reaches, each once, in no order. *members is good until
// the next call for `t`. Returns their number.
size_t topics_find(struct topics *t, struct span topic, const struct topics_member **members);

#endif
