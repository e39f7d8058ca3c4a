#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

// The only door between threads: many producers, one consumer, whole blocks of records at a time.
//
// A producer fills a block of its own (through struct batch) and posts it once per turn of its
// loop: one lock, and one wake-up only when the consumer sleeps. The consumer takes all posted
// blocks at once and gives the finished ones back in the same breath; they are recycled.
//
//   consumer's turn:  blocks = mailbox_take(mb, finished)  ... work ...
//                     nothing left to do:  if (mailbox_sleep(mb)) wait until mailbox_fd is readable
//
// Any thread may call what is marked "producer"; only the owner calls what is marked "consumer".

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A block's room for records; a larger record gets a block of its own size.
#define MAILBOX_BLOCK_SIZE (256 * 1024)

struct block {
  struct block *next;
  size_t capacity;  // bytes of data[]
  size_t used;      // bytes of data[] holding records, a multiple of 8
  uint32_t records; // for the counters
  _Alignas(16) unsigned char data[];
};

struct mailbox; // private

// Counters for metrics and specs; since the mailbox was made.
struct mailbox_stats {
  uint64_t blocks;   // posted
  uint64_t records;  // in them
  uint64_t wakeups;  // writes to the wake-up descriptor
  uint64_t recycled; // posted blocks that were used before
  uint64_t bytes;    // of all its blocks that there are now, full and empty
};

// With one reference. NULL when the system has no descriptor left; errno says why.
struct mailbox *mailbox_new(void);

// Any thread. Who may still post when the consumer has ended holds a reference: what is posted then
// is freed unread, so that no record may own anything. The last one frees it with all its blocks.
struct mailbox *mailbox_ref(struct mailbox *mb);
void mailbox_unref(struct mailbox *mb); // NULL is fine

// Producer: a block with room for at least `size` bytes of records, recycled or new.
struct block *mailbox_block(struct mailbox *mb, size_t size);

// Producer: hands `block` over. Returns a recycled block for the next turn, or NULL. Records of one
// producer arrive in the order in which they were posted, few of them perhaps in the block before.
// `adopted` (may be NULL): set to true when the consumer was asleep and lendable; then nobody is
// woken and this thread is the consumer now.
struct block *mailbox_post(struct mailbox *mb, struct block *block, bool *adopted);

// Producer: gives an unused block back.
void mailbox_return(struct mailbox *mb, struct block *block);

// Producer: waits until everything posted before this call has been worked off (given back through
// mailbox_take), at most `timeout_ms`. False on time-out. The consumer must be another thread
// that never waits for the caller.
bool mailbox_wait_until_done(struct mailbox *mb, uint64_t timeout_ms);

// Producer: bytes of records posted and not yet given back. Exact only at some moment in between.
size_t mailbox_pending(const struct mailbox *mb);

// Producer: whether the consumer is at work and has so many bytes of records, or more, before it.
bool mailbox_is_behind(struct mailbox *mb, size_t bytes);

// Consumer: gives back `finished` (a chain, may be NULL) and takes everything that was posted, in
// order, as a chain linked by `next`; NULL when nothing was. The consumer counts as awake.
struct block *mailbox_take(struct mailbox *mb, struct block *finished);

// Consumer: declares that it is about to wait. False when something has been posted meanwhile
// (take it instead); true: the next post makes mailbox_fd readable. `lendable`: a producer may make
// itself the consumer meanwhile (mailbox_post), until it sleeps or yields in its turn.
bool mailbox_sleep(struct mailbox *mb, bool lendable);

// The thread that waits at mailbox_fd, when it has waited for long enough or the descriptor is
// readable: whether it is the consumer again. False: another one has adopted that part.
bool mailbox_rise(struct mailbox *mb);

// The same thread: whoever posts next wakes it. False: its part has just been adopted.
bool mailbox_stop_lending(struct mailbox *mb);

// A consumer that has adopted its part: wakes the thread that waits, which is the consumer then.
void mailbox_yield(struct mailbox *mb);

// Consumer: readable when a post has come during the sleep. mailbox_take resets it.
int mailbox_fd(const struct mailbox *mb);

struct mailbox_stats mailbox_stats(struct mailbox *mb);

#endif
