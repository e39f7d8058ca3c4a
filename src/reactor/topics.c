// The trie of topics. A node has its children in one table that all nodes share, but for those of
// "*" and ">", which each search looks at. Loop thread.

#include "reactor/topics.h"

#include <assert.h>
#include "base/mem.h"
#include "mailbox/topic.h"

struct topics_node {
  struct table_node child; // in topics.children, unless it is the root or its segment a wildcard
  struct topics_node *parent;
  struct topics_node *any;  // "*", or NULL
  struct topics_node *rest; // ">", or NULL
  struct topics_member *members;
  uint32_t count;
  uint32_t capacity;
  uint32_t children;    // all of them, those two included
  unsigned char length; // of the segment
  char segment[];
};

struct topics_subscription {
  struct table_node node; // in topics.subscriptions
  struct list own;        // on subscriber.subscriptions
  struct topics_subscriber *subscriber;
  struct topics_node *at;
  uint32_t index; // in at->members
};

void topics_init(struct topics *t) {
  *t = (struct topics){0};
  hash_key_init(&t->key);
}

void topics_deinit(struct topics *t) {
  assert(!t->root);
  mem_free(t->found);
  t->found = NULL;
}

// Nodes -------------------------------------------------------------------------------------------

// Both parts are secret, and which place a segment has in the topic counts.
static uint64_t child_hash(const struct topics_node *parent, uint64_t segment_hash) {
  return parent->child.hash * UINT64_C(0x9e3779b97f4a7c15) + segment_hash;
}

static struct topics_node *find_child(struct topics *t, const struct topics_node *parent,
                                      struct span segment, uint64_t hash) {
  for (struct table_node *i = table_first(&t->children, hash); i; i = table_next(i)) {
    struct topics_node *n = LIST_ENTRY(i, struct topics_node, child);
    t->steps++;
    if (n->parent == parent && span_eq((struct span){n->segment, n->length}, segment)) return n;
  }
  return NULL;
}

static struct topics_node *new_node(struct topics_node *parent, struct span segment) {
  struct topics_node *n = mem_zalloc(sizeof *n + segment.n);
  n->parent = parent;
  n->length = (unsigned char)segment.n;
  if (segment.n > 0) memcpy(n->segment, segment.p, segment.n);
  if (parent) parent->children++;
  return n;
}

// The child of that segment; with `make` it is made when there is none.
static struct topics_node *step_down(struct topics *t, struct topics_node *parent,
                                     struct span segment, bool make) {
  bool is_any = topic_is_any(segment), is_rest = topic_is_rest(segment);
  if (is_any || is_rest) {
    struct topics_node **slot = is_any ? &parent->any : &parent->rest;
    if (!*slot && make) {
      *slot = new_node(parent, segment);
      (*slot)->child.hash = child_hash(parent, hash_bytes(&t->key, segment.p, segment.n));
    }
    return *slot;
  }
  uint64_t hash = child_hash(parent, hash_bytes(&t->key, segment.p, segment.n));
  struct topics_node *n = find_child(t, parent, segment, hash);
  if (n || !make) return n;
  n = new_node(parent, segment);
  table_add(&t->children, &n->child, hash);
  return n;
}

static struct topics_node *find_node(struct topics *t, struct span topic, bool make) {
  if (!t->root && make) t->root = new_node(NULL, (struct span){NULL, 0});
  struct topics_node *n = t->root;
  while (n && topic.n > 0) {
    struct span segment = topic_next(&topic);
    n = step_down(t, n, segment, make);
  }
  return n;
}

// Frees the node, and those above it, as far as nothing needs them.
static void prune(struct topics *t, struct topics_node *n) {
  while (n && n->count == 0 && n->children == 0) {
    struct topics_node *parent = n->parent;
    if (!parent)
      t->root = NULL;
    else if (parent->any == n)
      parent->any = NULL;
    else if (parent->rest == n)
      parent->rest = NULL;
    else
      table_remove(&t->children, &n->child);
    if (parent) parent->children--;
    mem_free(n->members);
    mem_free(n);
    n = parent;
  }
}

static void add_member(struct topics_node *n, struct topics_subscription *s) {
  if (n->count == n->capacity) {
    n->capacity = n->capacity > 0 ? n->capacity * 2 : 1;
    n->members = mem_realloc(n->members, n->capacity * sizeof *n->members);
  }
  s->at = n;
  s->index = n->count++;
  n->members[s->index] = (struct topics_member){s->subscriber->owner, s};
}

// The last one takes its place.
static void remove_member(struct topics_node *n, uint32_t index) {
  struct topics_member last = n->members[--n->count];
  n->members[index] = last;
  last.subscription->index = index;
  if (n->count == 0 || n->count > n->capacity / 4) return;
  n->capacity /= 2;
  n->members = mem_realloc(n->members, n->capacity * sizeof *n->members);
}

// Subscriptions -----------------------------------------------------------------------------------

static uint64_t subscription_hash(const struct topics *t, const struct topics_subscriber *who,
                                  const struct topics_node *at) {
  const void *key[] = {who, at};
  return hash_bytes(&t->key, key, sizeof key);
}

static struct topics_subscription *find_subscription(const struct topics *t,
                                                     const struct topics_subscriber *who,
                                                     const struct topics_node *at, uint64_t hash) {
  for (struct table_node *i = table_first(&t->subscriptions, hash); i; i = table_next(i)) {
    struct topics_subscription *s = LIST_ENTRY(i, struct topics_subscription, node);
    if (s->subscriber == who && s->at == at) return s;
  }
  return NULL;
}

static void end_subscription(struct topics *t, struct topics_subscription *s) {
  struct topics_node *at = s->at;
  remove_member(at, s->index);
  table_remove(&t->subscriptions, &s->node);
  list_remove(&s->own);
  mem_free(s);
  prune(t, at);
}

static void free_if_done(struct topics_subscriber **subscriber) {
  if (!list_empty(&(*subscriber)->subscriptions)) return;
  mem_free(*subscriber);
  *subscriber = NULL;
}

bool topics_subscribe(struct topics *t, struct topics_subscriber **subscriber, void *owner,
                      struct span topic) {
  struct topics_subscriber *who = *subscriber;
  if (!who) {
    who = *subscriber = mem_zalloc(sizeof *who);
    who->owner = owner;
    list_init(&who->subscriptions);
  }
  struct topics_node *at = find_node(t, topic, true);
  uint64_t hash = subscription_hash(t, who, at);
  if (find_subscription(t, who, at, hash)) return false;
  struct topics_subscription *s = mem_zalloc(sizeof *s);
  s->subscriber = who;
  list_push(&who->subscriptions, &s->own);
  table_add(&t->subscriptions, &s->node, hash);
  add_member(at, s);
  return true;
}

bool topics_unsubscribe(struct topics *t, struct topics_subscriber **subscriber,
                        struct span topic) {
  struct topics_node *at = *subscriber ? find_node(t, topic, false) : NULL;
  if (!at) return false;
  struct topics_subscription *s =
      find_subscription(t, *subscriber, at, subscription_hash(t, *subscriber, at));
  if (!s) return false;
  end_subscription(t, s);
  free_if_done(subscriber);
  return true;
}

void topics_leave(struct topics *t, struct topics_subscriber **subscriber) {
  if (!*subscriber) return;
  struct list *own = &(*subscriber)->subscriptions;
  while (!list_empty(own))
    end_subscription(t, LIST_ENTRY(own->next, struct topics_subscription, own));
  free_if_done(subscriber);
}

// Searching ---------------------------------------------------------------------------------------

struct search {
  struct topics *topics;
  const struct topics_node *first; // the first node that had subscribers
  bool is_merged;                  // and there was another one: what is found is in topics.found
  size_t count;                    // segments of the topic
  struct span segments[TOPIC_SEGMENTS_MAX];
  uint64_t hashes[TOPIC_SEGMENTS_MAX];
};

static void merge(struct topics *t, const struct topics_node *n) {
  size_t needed = t->found_count + n->count;
  if (needed > t->found_capacity) {
    t->found_capacity = needed * 2;
    t->found = mem_realloc(t->found, t->found_capacity * sizeof *t->found);
  }
  for (uint32_t i = 0; i < n->count; i++) {
    struct topics_subscriber *who = n->members[i].subscription->subscriber;
    if (who->stamp == t->stamp) continue;
    who->stamp = t->stamp;
    t->found[t->found_count++] = n->members[i];
  }
}

static void collect(struct search *s, const struct topics_node *n) {
  s->topics->steps++;
  if (n->count == 0) return;
  if (!s->first) {
    s->first = n;
    return;
  }
  if (!s->is_merged) {
    s->is_merged = true;
    s->topics->stamp++;
    s->topics->found_count = 0;
    merge(s->topics, s->first);
  }
  merge(s->topics, n);
}

// Goes down from `n`, which segments before number `i` have led to. As deep as the topic.
static void descend(struct search *s, const struct topics_node *n, size_t i) {
  if (i == s->count) {
    collect(s, n);
    return;
  }
  if (n->rest) collect(s, n->rest);
  if (n->any) descend(s, n->any, i + 1);
  const struct topics_node *child =
      find_child(s->topics, n, s->segments[i], child_hash(n, s->hashes[i]));
  if (child) descend(s, child, i + 1);
}

size_t topics_find(struct topics *t, struct span topic, const struct topics_member **members) {
  if (!t->root) return 0;
  struct search s;
  s.topics = t;
  s.first = NULL;
  s.is_merged = false;
  s.count = 0;
  while (topic.n > 0) {
    struct span segment = topic_next(&topic);
    s.segments[s.count] = segment;
    s.hashes[s.count++] = hash_bytes(&t->key, segment.p, segment.n);
  }
  descend(&s, t->root, 0);
  *members = s.is_merged ? t->found : s.first ? s.first->members : NULL;
  return s.is_merged ? t->found_count : s.first ? s.first->count : 0;
}
