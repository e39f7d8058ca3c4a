#ifndef BASE_COUNTED_H
#define BASE_COUNTED_H

// What several threads hold, immutable, until the last lets go of it: the first member of a struct
// that passes through layers which don't know what it is. Any thread.

#include <stddef.h>
#include "base/refs.h"

struct counted {
  atomic_uint refs;
  void (*free)(struct counted *c); // called by the last holder
};

// With one reference.
static inline void counted_init(struct counted *c, void (*free)(struct counted *c)) {
  refs_init(&c->refs);
  c->free = free;
}

// NULL is fine for both.
static inline struct counted *counted_ref(struct counted *c) {
  if (c) refs_take(&c->refs);
  return c;
}

static inline void counted_unref(struct counted *c) {
  if (c && refs_drop(&c->refs)) c->free(c);
}

#endif
