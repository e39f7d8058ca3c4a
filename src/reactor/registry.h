#ifndef REACTOR_REGISTRY_H
#define REACTOR_REGISTRY_H

// Handles of connections: slot + generation + reactor, so that a late command for a connection
// that is gone finds nothing instead of somebody else. Loop thread; only the `taken` counters are
// read by workers.

#include <stdatomic.h>
#include <stdint.h>

struct conn;

struct registry_slot {
  struct conn *conn;      // NULL: free or retired
  uint32_t generation;    // of the present or next user
  uint32_t next_free;     // index + 1 of the next free slot, 0: none
  _Atomic uint64_t taken; // see struct event_request; goes on with the slot's next connection
};

struct registry {
  unsigned reactor;             // index, the handles' top byte
  struct registry_slot **pages; // pages stay where they are until deinit: workers hold pointers
                                // to `taken`
  uint32_t page_count;
  uint32_t first_free; // index + 1, 0: none
  uint32_t used;       // slots with a connection
};

void registry_init(struct registry *r, unsigned reactor);
void registry_deinit(struct registry *r);

// Gives `conn` a handle; never 0.
uint64_t registry_add(struct registry *r, struct conn *conn);

// The connection, or NULL when the handle is dead.
struct conn *registry_find(const struct registry *r, uint64_t handle);

// The handle is dead from now on.
void registry_remove(struct registry *r, uint64_t handle);

// The counter of a live handle's slot.
_Atomic uint64_t *registry_taken(const struct registry *r, uint64_t handle);

#endif
