#ifndef MAILBOX_IDS_H
#define MAILBOX_IDS_H

// Public ids of connections and clients: 1, 2, ..., unique in the process and never used again,
// whatever thread draws them. Any thread.

#include <stdatomic.h>
#include <stdint.h>

struct ids {
  _Atomic uint64_t last;
};

static inline uint64_t ids_draw(struct ids *ids) {
  return atomic_fetch_add_explicit(&ids->last, 1, memory_order_relaxed) + 1;
}

#endif
