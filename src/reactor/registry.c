// Slots in pages. Loop thread.

#include "reactor/registry.h"

#include <assert.h>
#include <stddef.h>
#include "base/mem.h"
#include "mailbox/event.h"

enum {
#ifdef LUAWS_TINY
  PAGE_BITS = 1,
#else
  PAGE_BITS = 10,
#endif
  PAGE_SLOTS = 1 << PAGE_BITS,
  GENERATION_MAX = 0xffffff, // a slot that has been used so often is retired
};

static struct registry_slot *slot_at(const struct registry *r, uint32_t index) {
  return &r->pages[index >> PAGE_BITS][index & (PAGE_SLOTS - 1)];
}

static void add_page(struct registry *r) {
  uint32_t first = r->page_count << PAGE_BITS;
  r->pages = mem_realloc(r->pages, (r->page_count + 1) * sizeof *r->pages);
  r->pages[r->page_count++] = mem_zalloc(PAGE_SLOTS * sizeof(struct registry_slot));
  for (uint32_t i = PAGE_SLOTS; i-- > 0;) { // so that the lowest index is used first
    struct registry_slot *slot = slot_at(r, first + i);
    slot->generation = 1;
    slot->next_free = r->first_free;
    r->first_free = first + i + 1;
  }
}

void registry_init(struct registry *r, unsigned reactor) {
  *r = (struct registry){.reactor = reactor};
}

void registry_deinit(struct registry *r) {
  for (uint32_t i = 0; i < r->page_count; i++)
    mem_free(r->pages[i]);
  mem_free(r->pages);
  *r = (struct registry){.reactor = r->reactor};
}

uint64_t registry_add(struct registry *r, struct conn *conn) {
  if (r->first_free == 0) add_page(r);
  uint32_t index = r->first_free - 1;
  struct registry_slot *slot = slot_at(r, index);
  r->first_free = slot->next_free;
  slot->conn = conn;
  r->used++;
  return (uint64_t)r->reactor << 56 | (uint64_t)slot->generation << 32 | index;
}

static struct registry_slot *live_slot(const struct registry *r, uint64_t handle) {
  uint32_t index = event_handle_slot(handle);
  if (index >> PAGE_BITS >= r->page_count) return NULL;
  struct registry_slot *slot = slot_at(r, index);
  bool live = slot->conn && slot->generation == event_handle_generation(handle);
  return live ? slot : NULL;
}

struct conn *registry_find(const struct registry *r, uint64_t handle) {
  struct registry_slot *slot = live_slot(r, handle);
  return slot ? slot->conn : NULL;
}

void registry_remove(struct registry *r, uint64_t handle) {
  struct registry_slot *slot = live_slot(r, handle);
  assert(slot);
  slot->conn = NULL;
  r->used--;
  if (slot->generation == GENERATION_MAX) return;
  slot->generation++;
  slot->next_free = r->first_free;
  r->first_free = event_handle_slot(handle) + 1;
}

_Atomic uint64_t *registry_taken(const struct registry *r, uint64_t handle) {
  struct registry_slot *slot = live_slot(r, handle);
  assert(slot);
  return &slot->taken;
}
