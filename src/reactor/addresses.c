// Counting by address. Loop thread.

#include "reactor/addresses.h"

#include <string.h>
#include "base/clock.h"
#include "base/mem.h"

enum { FIRST_BUCKETS = 16 };

static struct addresses_entry **bucket_of(const struct addresses *a, const char *text) {
  uint64_t h = a->seed; // FNV-1a over a seed, then a final mix
  for (const char *p = text; *p; p++)
    h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
  h ^= h >> 32;
  return &a->buckets[h & (a->bucket_count - 1)];
}

static void grow(struct addresses *a) {
  struct addresses old = *a;
  a->bucket_count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
  a->buckets = mem_zalloc(a->bucket_count * sizeof *a->buckets);
  for (size_t i = 0; i < old.bucket_count; i++) {
    for (struct addresses_entry *e = old.buckets[i], *next; e; e = next) {
      next = e->next;
      struct addresses_entry **bucket = bucket_of(a, e->text);
      e->next = *bucket;
      *bucket = e;
    }
  }
  mem_free(old.buckets);
}

void addresses_init(struct addresses *a) {
  *a = (struct addresses){.seed = clock_ns() * UINT64_C(0x9e3779b97f4a7c15)};
}

void addresses_deinit(struct addresses *a) {
  for (size_t i = 0; i < a->bucket_count; i++) {
    for (struct addresses_entry *e = a->buckets[i], *next; e; e = next) {
      next = e->next;
      mem_free(e);
    }
  }
  mem_free(a->buckets);
  a->buckets = NULL;
  a->bucket_count = a->used = 0;
}

struct addresses_entry *addresses_enter(struct addresses *a, const char *text, uint64_t limit) {
  if (a->used >= a->bucket_count) grow(a);
  struct addresses_entry **bucket = bucket_of(a, text);
  for (struct addresses_entry *e = *bucket; e; e = e->next) {
    if (strcmp(e->text, text) != 0) continue;
    if (e->count >= limit) return NULL;
    e->count++;
    return e;
  }
  struct addresses_entry *e = mem_zalloc(sizeof *e);
  e->count = 1;
  strncpy(e->text, text, sizeof e->text - 1);
  e->next = *bucket;
  *bucket = e;
  a->used++;
  return e;
}

void addresses_leave(struct addresses *a, struct addresses_entry *entry) {
  if (--entry->count > 0) return;
  struct addresses_entry **at = bucket_of(a, entry->text);
  while (*at != entry)
    at = &(*at)->next;
  *at = entry->next;
  a->used--;
  mem_free(entry);
}
