// The outbox: a ring of chunks. Loop thread.

#include "reactor/outbox.h"

#include <string.h>
#include "base/mem.h"

enum {
  SMALL = 256,      // a shared frame up to this size is copied: a chunk of its own costs more
  SMALL_ROOM = 4096 // for such frames in one chunk
};

struct outbox_chunk {
  struct outbox_chunk *next; // the last one's: the first
  struct shared *shared;     // whose bytes these are, or NULL: own[]
  const unsigned char *data; // what is left of them
  size_t left;
  size_t size;
  size_t end;    // bytes that have been appended up to its end since the outbox was empty
  uint32_t room; // bytes behind own[]'s that more small frames may take
  bool counted;
  unsigned char own[];
};

static struct outbox_chunk *first_of(const struct outbox *o) {
  return o->last ? o->last->next : NULL;
}

// The one behind `c`, or NULL.
static struct outbox_chunk *next_of(const struct outbox *o, const struct outbox_chunk *c) {
  return c == o->last ? NULL : c->next;
}

static void append(struct outbox *o, struct outbox_chunk *c) {
  c->end = (o->last ? o->last->end : 0) + c->left;
  c->next = o->last ? o->last->next : c;
  if (o->last) o->last->next = c;
  o->last = c;
}

static void drop_first(struct outbox *o) {
  struct outbox_chunk *c = o->last->next;
  o->last->next = c->next;
  if (c == o->last) o->last = NULL;
  if (c->shared) shared_unref(c->shared);
  mem_free(c);
}

void outbox_init(struct outbox *o) {
  *o = (struct outbox){0};
}

void outbox_deinit(struct outbox *o) {
  while (o->last)
    drop_first(o);
}

static void push_copy(struct outbox *o, const void *data, size_t size, bool counted,
                      size_t capacity) {
  struct outbox_chunk *c = mem_alloc(sizeof *c + capacity);
  memcpy(c->own, data, size);
  c->shared = NULL;
  c->data = c->own;
  c->left = c->size = size;
  c->room = (uint32_t)(capacity - size);
  c->counted = counted;
  append(o, c);
}

void outbox_push(struct outbox *o, const void *data, size_t size, bool counted) {
  if (size > 0) push_copy(o, data, size, counted, size);
}

static void push_small(struct outbox *o, const void *data, size_t size) {
  struct outbox_chunk *c = o->last;
  if (!c || c->room < size) {
    push_copy(o, data, size, true, SMALL_ROOM);
    return;
  }
  memcpy(c->own + c->size, data, size);
  c->left += size;
  c->size += size;
  c->end += size;
  c->room -= (uint32_t)size;
}

void outbox_push_shared(struct outbox *o, struct shared *shared, size_t offset) {
  if (shared->size <= SMALL && offset == 0) {
    push_small(o, shared->data, shared->size);
    return;
  }
  struct outbox_chunk *c = mem_alloc(sizeof *c);
  c->shared = shared_ref(shared);
  c->data = shared->data + offset;
  c->left = shared->size - offset;
  // What the kernel took before counts as a chunk already begun.
  c->size = shared->size;
  c->room = 0;
  c->counted = true;
  append(o, c);
}

int outbox_peek(const struct outbox *o, struct iovec *iov, int max) {
  int count = 0;
  for (struct outbox_chunk *c = first_of(o); c && count < max; c = next_of(o, c)) {
    iov[count++] = (struct iovec){(void *)c->data, c->left};
  }
  return count;
}

size_t outbox_consume(struct outbox *o, size_t n) {
  size_t counted = 0;
  while (n > 0) {
    struct outbox_chunk *c = first_of(o);
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
  const struct outbox_chunk *first = first_of(o);
  *torn = first && first->left < first->size;
  while (o->last) {
    struct outbox_chunk *c = first_of(o);
    if (c->counted) counted += c->left;
    drop_first(o);
  }
  return counted;
}

size_t outbox_bytes(const struct outbox *o) {
  const struct outbox_chunk *first = first_of(o);
  return first ? o->last->end - first->end + first->left : 0;
}
