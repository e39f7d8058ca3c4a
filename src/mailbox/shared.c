// Shared bytes. Any thread.

#include "mailbox/shared.h"

#include <stdatomic.h>
#include <string.h>
#include "base/mem.h"
#include "base/refs.h"

// The public part first, so that a pointer to it is a pointer to the whole.
struct shared_buffer {
  struct shared public;
  atomic_uint refs;
  unsigned char bytes[];
};

struct shared *shared_new(const void *data, size_t size) {
  struct shared_buffer *s = mem_alloc(sizeof *s + size);
  refs_init(&s->refs);
  memcpy(s->bytes, data, size);
  s->public.size = size;
  s->public.data = s->bytes;
  return &s->public;
}

struct shared *shared_ref(struct shared *s) {
  refs_take(&((struct shared_buffer *)s)->refs);
  return s;
}

void shared_unref(struct shared *s) {
  struct shared_buffer *whole = (struct shared_buffer *)s;
  if (refs_drop(&whole->refs)) mem_free(whole);
}
