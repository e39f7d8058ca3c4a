// Shared bytes. Any thread.

#include "mailbox/shared.h"

#include <stdatomic.h>
#include <string.h>
#include "base/mem.h"

// The public part first, so that a pointer to it is a pointer to the whole.
struct shared_buffer {
  struct shared public;
  atomic_uint refs;
  unsigned char bytes[];
};

struct shared *shared_new(const void *data, size_t size) {
  struct shared_buffer *s = mem_alloc(sizeof *s + size);
  atomic_init(&s->refs, 1);
  memcpy(s->bytes, data, size);
  s->public.size = size;
  s->public.data = s->bytes;
  return &s->public;
}

struct shared *shared_ref(struct shared *s) {
  atomic_fetch_add_explicit(&((struct shared_buffer *)s)->refs, 1, memory_order_relaxed);
  return s;
}

void shared_unref(struct shared *s) {
  struct shared_buffer *whole = (struct shared_buffer *)s;
  if (atomic_fetch_sub_explicit(&whole->refs, 1, memory_order_acq_rel) == 1) mem_free(whole);
}
