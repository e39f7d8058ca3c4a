// Filling a block with records. Runs in the producer's thread.

#include "mailbox/batch.h"

#include <assert.h>

static size_t round_up(size_t n) {
  return (n + 7) & ~(size_t)7;
}

// A block that is new or empty, and large enough. By itself, so that a push that has room pays
// nothing for it.
__attribute__((noinline, cold)) static void open_block(struct batch *b, size_t size) {
  if (b->open && b->open->used > 0) batch_flush(b);
  if (b->open && b->open->capacity >= size) return;
  if (b->open) mailbox_return(b->to, b->open);
  b->open = mailbox_block(b->to, size);
}

static bool has_room(const struct batch *b, size_t size) {
  return b->open && b->open->used > 0 && b->open->capacity - b->open->used >= size;
}

void batch_init(struct batch *b, struct mailbox *to) {
  *b = (struct batch){.to = to};
}

void batch_deinit(struct batch *b) {
  if (b->open) mailbox_return(b->to, b->open);
  *b = (struct batch){.to = b->to, .adopted = b->adopted};
}

struct record *batch_push(struct batch *b, uint16_t type, uint64_t id, size_t length) {
  size_t size = round_up(sizeof(struct record) + length);
  assert(size <= UINT32_MAX); // payloads have ceilings far below
  if (!has_room(b, size)) open_block(b, size);
  struct record *r = (struct record *)(b->open->data + b->open->used);
  b->open->used += size;
  b->open->records++;
  b->last = r;
  r->size = (uint32_t)size;
  r->length = (uint32_t)length;
  r->type = type;
  r->flags = 0;
  r->credit = 0;
  r->id = id;
  r->scratch = NULL;
  return r;
}

unsigned char *batch_extend(struct batch *b, size_t more) {
  struct record *r = b->last;
  assert(r);
  size_t size = round_up(sizeof *r + r->length + more);
  size_t before = b->open->used - r->size;
  if (size > b->open->capacity - before || size > UINT32_MAX) return NULL;
  unsigned char *at = r->payload + r->length;
  r->size = (uint32_t)size;
  r->length += (uint32_t)more;
  b->open->used = before + size;
  return at;
}

void batch_shorten(struct batch *b, size_t length) {
  struct record *r = b->last;
  assert(r && length <= r->length);
  size_t size = round_up(sizeof *r + length);
  b->open->used -= r->size - size;
  r->size = (uint32_t)size;
  r->length = (uint32_t)length;
}

void batch_cancel(struct batch *b) {
  assert(b->last);
  b->open->used -= b->last->size;
  b->open->records--;
  b->last = NULL;
}

bool batch_flush(struct batch *b) {
  if (batch_is_empty(b)) return false;
  b->last = NULL;
  b->open = mailbox_post(b->to, b->open, b->adopted);
  return true;
}
