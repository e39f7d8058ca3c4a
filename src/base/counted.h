#ifndef BASE_COUNTED_H
#define BASE_COUNTED_H

// What several threads hold, immutable, until the last lets go of it: the first member of a struct
// that passes through layers which don't know what it is. Any thread.

#include <stdatomic.h>
#include <stddef.h>

struct counted {
  atomic_uint refs;
  void (*free)(struct counted *c); // called by the last holder
};

// With one reference.
static inline void counted_init(struct counted *c, void (*free)(struct counted *c)) {
  atomic_init(&c->refs, 1);
  c->free = free;
}

// NULL is fine for both.
static inline struct counted *counted_ref(struct counted *c) {
  if (c) atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
  return c;
}

static inline void counted_unref(struct counted *c) {
  if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) c->free(c);
}

#endif
