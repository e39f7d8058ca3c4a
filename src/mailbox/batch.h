#ifndef MAILBOX_BATCH_H
#define MAILBOX_BATCH_H

// Records, and the block that a producer is filling for one mailbox. Owned by the producer's
// thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "mailbox/mailbox.h"

// One event or command. Its payload follows in line.
struct record {
  uint32_t size;   // of the whole record, header included, a multiple of 8
  uint32_t length; // payload bytes in use
  uint16_t type;   // enum event_type or enum command_type
  uint16_t flags;  // by type
  uint32_t credit; // commands: cost of events whose handling is done (event.h)
  uint64_t id;     // what it is about: a connection's handle, a server's id, ...
  void *scratch;   // the consumer's own, NULL at first
  unsigned char payload[];
};

struct batch {
  struct mailbox *to;
  struct block *open;  // NULL: none taken yet
  struct record *last; // the newest record in it, NULL: none since the last flush
  bool *adopted;       // see mailbox_post; NULL: this producer stands in for nobody
};

void batch_init(struct batch *b, struct mailbox *to);

// Gives the open block back. What was pushed and not flushed is lost: flush first.
void batch_deinit(struct batch *b);

// Appends a record with `length` payload bytes (uninitialised) and flags, credit 0. A full block
// is handed over on the way. Good until the next push, extend or flush.
struct record *batch_push(struct batch *b, uint16_t type, uint64_t id, size_t length);

// Makes the newest record `more` bytes longer and returns where they are, or NULL when they don't
// fit into its block: then nothing has changed.
unsigned char *batch_extend(struct batch *b, size_t more);

// Shortens the newest record to `length` payload bytes.
void batch_shorten(struct batch *b, size_t length);

// Takes the newest record back.
void batch_cancel(struct batch *b);

// Hands the block over, if it holds anything. True when it did.
bool batch_flush(struct batch *b);

static inline bool batch_is_empty(const struct batch *b) {
  return !b->open || b->open->used == 0;
}

// Goes through a block: for (r = record_first(block); r; r = record_next(block, r)).
static inline struct record *record_first(struct block *block) {
  return block->used > 0 ? (struct record *)block->data : NULL;
}

static inline struct record *record_next(struct block *block, struct record *r) {
  unsigned char *next = (unsigned char *)r + r->size;
  return next < block->data + block->used ? (struct record *)next : NULL;
}

#endif
