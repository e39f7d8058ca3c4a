// The outbox: a list of chunks. Loop thread.

#include "reactor/outbox.h"

#include <string.h>
#include "base/mem.h"

struct outbox_chunk {
  struct outbox_chunk *next;
  struct shared *shared;     // whose bytes these are, or NULL: own[]
  const unsigned char *data; // what is left of them
  size_t left;
  size_t size;
  bool counted;
  unsigned char own[];
};

static void append(struct outbox *o, struct outbox_chunk *c) {
  c->next = NULL;
  if (o->last)
    o->last->next = c;
  else
    o->first = c;
  o->last = c;
  o->bytes += c->left;
}

static void drop_first(struct outbox *o) {
  struct outbox_chunk *c = o->first;
  o->first = c->next;
  if (!o->first) o->last = NULL;
  if (c->shared) shared_unref(c->shared);
  mem_free(c);
}

void outbox_init(struct outbox *o) {
  *o = (struct outbox){0};
}

void outbox_deinit(struct outbox *o) {
  while (o->first)
    drop_first(o);
  o->bytes = 0;
}

void outbox_push(struct outbox *o, const void *data, size_t size, bool counted) {
  if (size == 0) return;
  struct outbox_chunk *c = mem_alloc(sizeof *c + size);
  memcpy(c->own, data, size);
  c->shared = NULL;
  c->data = c->own;
  c->left = c->size = size;
  c->counted = counted;
  append(o, c);
}

void outbox_push_shared(struct outbox *o, struct shared *shared, size_t offset) {
  struct outbox_chunk *c = mem_alloc(sizeof *c);
  c->shared = shared_ref(shared);
  c->data = shared->data + offset;
  c->left = shared->size - offset;
  // What the kernel took before counts as a chunk already begun.
  c->size = shared->size;
  c->counted = true;
  append(o, c);
}

int outbox_peek(const struct outbox *o, struct iovec *iov, int max) {
  int count = 0;
  for (struct outbox_chunk *c = o->first; c && count < max; c = c->next) {
    iov[count++] = (struct iovec){(void *)c->data, c->left};
  }
  return count;
}

size_t outbox_consume(struct outbox *o, size_t n) {
  size_t counted = 0;
  o->bytes -= n;
  while (n > 0) {
    struct outbox_chunk *c = o->first;
    size_t part = n < c->left ? n : c->left;
    c->data += part;
    c->left -= part;
    n -= part;
    if (c->counted) counted += part;
    if (c->left == 0) drop_first(o);
  }
  return counted;
}

size_t outbox_clear(struct outbox *o, bool *torn) {
  size_t counted = 0;
  *torn = o->first && o->first->left < o->first->size;
  while (o->first) {
    if (o->first->counted) counted += o->first->left;
    drop_first(o);
  }
  o->bytes = 0;
  return counted;
}
