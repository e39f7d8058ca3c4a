// The hash table: chains in buckets. Pure.

#include "base/table.h"

#include "base/mem.h"

#ifdef LUAWS_TINY
enum { BUCKETS_MIN = 2 };
#else
enum { BUCKETS_MIN = 16 };
#endif

static void push(struct table *t, struct table_node *node) {
  struct table_node **bucket = &t->buckets[node->hash & (t->bucket_count - 1)];
  node->next = *bucket;
  *bucket = node;
}

static void resize(struct table *t, size_t bucket_count) {
  struct table old = *t;
  t->bucket_count = bucket_count;
  t->buckets = mem_zalloc(bucket_count * sizeof *t->buckets);
  for (size_t i = 0; i < old.bucket_count; i++) {
    for (struct table_node *n = old.buckets[i], *next; n; n = next) {
      next = n->next;
      push(t, n);
    }
  }
  mem_free(old.buckets);
}

void table_deinit(struct table *t) {
  mem_free(t->buckets);
  table_init(t);
}

void table_add(struct table *t, struct table_node *node, uint64_t hash) {
  if (t->used >= t->bucket_count) resize(t, t->used > 0 ? t->bucket_count * 2 : BUCKETS_MIN);
  node->hash = hash;
  push(t, node);
  t->used++;
}

void table_remove(struct table *t, struct table_node *node) {
  struct table_node **at = &t->buckets[node->hash & (t->bucket_count - 1)];
  while (*at != node)
    at = &(*at)->next;
  *at = node->next;
  t->used--;
  if (t->used == 0)
    table_deinit(t);
  else if (t->bucket_count > BUCKETS_MIN && t->used < t->bucket_count / 8)
    resize(t, t->bucket_count / 2);
}
