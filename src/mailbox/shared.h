#ifndef MAILBOX_SHARED_H
#define MAILBOX_SHARED_H

// An immutable, reference-counted run of bytes: one frame that waits in many outboxes. Any thread.

#include <stddef.h>

struct shared {
  size_t size;
  const unsigned char *data;
};

// A copy of `size` bytes, with one reference.
struct shared *shared_new(const void *data, size_t size);
struct shared *shared_ref(struct shared *s);
void shared_unref(struct shared *s);

#endif
