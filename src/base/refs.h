#ifndef BASE_REFS_H
#define BASE_REFS_H

// Counted references to what several threads hold until the last of them lets go. Any thread.

#include <stdatomic.h>
#include <stdbool.h>

// The maker's reference.
static inline void refs_init(atomic_uint *refs) {
  atomic_init(refs, 1);
}

static inline void refs_take(atomic_uint *refs) {
  atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

// True: that was the last one, and what all others have done to it is seen.
static inline bool refs_drop(atomic_uint *refs) {
  return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

#endif
