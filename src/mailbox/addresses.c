// Counting by address. Any thread.

#include "mailbox/addresses.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"

struct addresses_entry {
  struct table_node node;
  uint64_t count;
  char text[];
};

void addresses_init(struct addresses *a) {
  pthread_mutex_init(&a->lock, NULL);
  table_init(&a->entries);
  hash_key_init(&a->key);
}

void addresses_deinit(struct addresses *a) {
  assert(a->entries.used == 0);
  pthread_mutex_destroy(&a->lock);
}

static struct addresses_entry *find(const struct addresses *a, const char *text, uint64_t hash) {
  for (struct table_node *n = table_first(&a->entries, hash); n; n = table_next(n)) {
    struct addresses_entry *e = LIST_ENTRY(n, struct addresses_entry, node);
    if (strcmp(e->text, text) == 0) return e;
  }
  return NULL;
}

static struct addresses_entry *add(struct addresses *a, const char *text, uint64_t hash) {
  size_t size = strlen(text) + 1;
  struct addresses_entry *e = mem_zalloc(sizeof *e + size);
  memcpy(e->text, text, size);
  table_add(&a->entries, &e->node, hash);
  return e;
}

struct addresses_entry *addresses_enter(struct addresses *a, const char *text, uint64_t limit) {
  uint64_t hash = hash_bytes(&a->key, text, strlen(text));
  pthread_mutex_lock(&a->lock);
  struct addresses_entry *e = find(a, text, hash);
  if (!e) e = add(a, text, hash);
  bool is_in = e->count < limit;
  if (is_in) e->count++;
  pthread_mutex_unlock(&a->lock);
  return is_in ? e : NULL;
}

void addresses_leave(struct addresses *a, struct addresses_entry *entry) {
  pthread_mutex_lock(&a->lock);
  bool is_last = --entry->count == 0;
  if (is_last) table_remove(&a->entries, &entry->node);
  pthread_mutex_unlock(&a->lock);
  if (is_last) mem_free(entry);
}
