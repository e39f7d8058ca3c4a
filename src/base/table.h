#ifndef BASE_TABLE_H
#define BASE_TABLE_H

// An intrusive hash table: nodes live in their owners' structs, the table has only the buckets. It
// grows and shrinks with what is in it; an empty one holds no memory. Pure.

#include <stddef.h>
#include <stdint.h>

struct table_node {
  struct table_node *next; // in the bucket
  uint64_t hash;
};

struct table {
  struct table_node **buckets;
  size_t bucket_count; // a power of two, or 0
  size_t used;
};

// All zero is an empty table.
static inline void table_init(struct table *t) {
  *t = (struct table){NULL, 0, 0};
}

// Forgets the nodes, which remain their owners'.
void table_deinit(struct table *t);

void table_add(struct table *t, struct table_node *node, uint64_t hash);

// `node` must be in it.
void table_remove(struct table *t, struct table_node *node);

static inline struct table_node *table_match(struct table_node *node, uint64_t hash) {
  while (node && node->hash != hash)
    node = node->next;
  return node;
}

// The nodes of that hash, one after the other; NULL: no further one. The caller compares the keys.
//   for (n = table_first(t, hash); n; n = table_next(n))
static inline struct table_node *table_first(const struct table *t, uint64_t hash) {
  return t->used > 0 ? table_match(t->buckets[hash & (t->bucket_count - 1)], hash) : NULL;
}
static inline struct table_node *table_next(const struct table_node *node) {
  return table_match(node->next, node->hash);
}

#endif
