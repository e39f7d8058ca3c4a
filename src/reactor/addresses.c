// Counting by address. Loop thread.

#include "reactor/addresses.h"

#include <assert.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"

void addresses_init(struct addresses *a) {
  table_init(&a->entries);
  hash_key_init(&a->key);
}

void addresses_deinit(struct addresses *a) {
  assert(a->entries.used == 0);
}

static struct addresses_entry *find(const struct addresses *a, const char *text, uint64_t hash) {
  for (struct table_node *n = table_first(&a->entries, hash); n; n = table_next(n)) {
    struct addresses_entry *e = LIST_ENTRY(n, struct addresses_entry, node);
    if (strcmp(e->text, text) == 0) return e;
  }
  return NULL;
}

struct addresses_entry *addresses_enter(struct addresses *a, const char *text, uint64_t limit) {
  uint64_t hash = hash_bytes(&a->key, text, strlen(text));
  struct addresses_entry *e = find(a, text, hash);
  if (!e) {
    e = mem_zalloc(sizeof *e);
    strncpy(e->text, text, sizeof e->text - 1);
    table_add(&a->entries, &e->node, hash);
  } else if (e->count >= limit) {
    return NULL;
  }
  e->count++;
  return e;
}

void addresses_leave(struct addresses *a, struct addresses_entry *entry) {
  if (--entry->count > 0) return;
  table_remove(&a->entries, &entry->node);
  mem_free(entry);
}
