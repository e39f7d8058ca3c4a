// The mailbox. Everything below `lock` may be touched by any thread that holds it; blocks outside
// the mailbox belong to whoever holds them.

#include "mailbox/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif
#include "base/list.h"
#include "base/mem.h"
#include "base/refs.h"

enum {
  SPARES_MAX = 16,                    // blocks kept for reuse
  SPARE_BYTES_MAX = 16 * 1024 * 1024, // and their bytes
  JOIN_MAX = MAILBOX_BLOCK_SIZE / 8,  // records that join those of the block before
};

struct mailbox {
  atomic_uint refs;
  pthread_mutex_t lock;
  pthread_cond_t done_changed;
  struct block *first; // posted, not yet taken
  struct block **last;
  struct block *spare; // empty blocks for reuse
  unsigned spares;
  size_t spare_bytes;
  bool asleep;    // the consumer waits or is about to: the next post must wake it
  bool lendable;  // or may take its place
  bool signalled; // the descriptor is readable
  unsigned waiters;
  uint64_t done; // blocks given back
  struct mailbox_stats stats;
  _Atomic size_t pending; // written under the lock, read by anyone
  int wake_fd;            // readable end
  int signal_fd;          // the end that is written: the same one for an eventfd
};

static int open_wake(struct mailbox *mb);
static void signal_consumer(struct mailbox *mb);
static void reset_signal(struct mailbox *mb);
static void keep_or_free(struct mailbox *mb, struct block *block);
static void free_chain(struct block *chain);

struct mailbox *mailbox_new(void) {
  struct mailbox *mb = mem_zalloc(sizeof *mb);
  if (open_wake(mb) != 0) {
    mem_free(mb);
    return NULL;
  }
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&mb->done_changed, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&mb->lock, NULL);
  mb->last = &mb->first;
  refs_init(&mb->refs);
  return mb;
}

struct mailbox *mailbox_ref(struct mailbox *mb) {
  refs_take(&mb->refs);
  return mb;
}

void mailbox_unref(struct mailbox *mb) {
  if (!mb || !refs_drop(&mb->refs)) return;
  free_chain(mb->first);
  free_chain(mb->spare);
  close(mb->wake_fd);
  if (mb->signal_fd != mb->wake_fd) close(mb->signal_fd);
  pthread_cond_destroy(&mb->done_changed);
  pthread_mutex_destroy(&mb->lock);
  mem_free(mb);
}

// Takes a spare of at least `size` bytes off the list; NULL when there is none. Lock held.
static struct block *pop_spare(struct mailbox *mb, size_t size) {
  for (struct block **at = &mb->spare; *at; at = &(*at)->next) {
    struct block *b = *at;
    if (b->capacity < size) continue;
    *at = b->next;
    mb->spares--;
    mb->spare_bytes -= b->capacity;
    mb->stats.recycled++;
    b->next = NULL;
    return b;
  }
  return NULL;
}

struct block *mailbox_block(struct mailbox *mb, size_t size) {
  pthread_mutex_lock(&mb->lock);
  struct block *b = pop_spare(mb, size);
  if (size < MAILBOX_BLOCK_SIZE) size = MAILBOX_BLOCK_SIZE;
  if (!b) mb->stats.bytes += size;
  pthread_mutex_unlock(&mb->lock);
  if (b) return b;
  b = mem_alloc(sizeof *b + size);
  b->next = NULL;
  b->capacity = size;
  b->used = 0;
  b->records = 0;
  return b;
}

// Lock held, the consumer asleep.
static void rouse(struct mailbox *mb, bool *adopted) {
  if (!adopted || !mb->lendable) {
    signal_consumer(mb);
    return;
  }
  mb->asleep = false;
  *adopted = true;
}

// Puts the records behind those of the block that was posted before, while that waits: a consumer
// that is long in coming would else be sent a block, mostly empty, for each turn of a producer.
// Lock held.
static bool join_last(struct mailbox *mb, const struct block *block) {
  if (!mb->first || block->used > JOIN_MAX) return false;
  struct block *last = LIST_ENTRY(mb->last, struct block, next);
  if (last->capacity - last->used < block->used) return false;
  memcpy(last->data + last->used, block->data, block->used);
  last->used += block->used;
  last->records += block->records;
  return true;
}

struct block *mailbox_post(struct mailbox *mb, struct block *block, bool *adopted) {
  block->next = NULL;
  pthread_mutex_lock(&mb->lock);
  mb->stats.records += block->records;
  atomic_fetch_add_explicit(&mb->pending, block->used, memory_order_relaxed);
  if (join_last(mb, block)) {
    pthread_mutex_unlock(&mb->lock);
    block->used = 0;
    block->records = 0;
    return block;
  }
  *mb->last = block;
  mb->last = &block->next;
  mb->stats.blocks++;
  if (mb->asleep) rouse(mb, adopted);
  struct block *spare = pop_spare(mb, 0);
  pthread_mutex_unlock(&mb->lock);
  return spare;
}

void mailbox_return(struct mailbox *mb, struct block *block) {
  pthread_mutex_lock(&mb->lock);
  keep_or_free(mb, block);
  pthread_mutex_unlock(&mb->lock);
}

bool mailbox_wait_until_done(struct mailbox *mb, uint64_t timeout_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(timeout_ms / 1000);
  until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;

  pthread_mutex_lock(&mb->lock);
  uint64_t goal = mb->stats.blocks;
  int result = 0;
  mb->waiters++;
  while (mb->done < goal && result == 0) {
    result = pthread_cond_timedwait(&mb->done_changed, &mb->lock, &until);
  }
  mb->waiters--;
  bool done = mb->done >= goal;
  pthread_mutex_unlock(&mb->lock);
  return done;
}

size_t mailbox_pending(const struct mailbox *mb) {
  return atomic_load_explicit(&mb->pending, memory_order_relaxed);
}

// A consumer that sleeps has worked off what it has not given back yet.
bool mailbox_is_behind(struct mailbox *mb, size_t bytes) {
  if (mailbox_pending(mb) < bytes) return false;
  pthread_mutex_lock(&mb->lock);
  bool asleep = mb->asleep;
  pthread_mutex_unlock(&mb->lock);
  return !asleep;
}

struct block *mailbox_take(struct mailbox *mb, struct block *finished) {
  pthread_mutex_lock(&mb->lock);
  mb->asleep = false;
  if (mb->signalled) reset_signal(mb);
  if (finished) {
    while (finished) {
      struct block *next = finished->next;
      atomic_fetch_sub_explicit(&mb->pending, finished->used, memory_order_relaxed);
      mb->done++;
      keep_or_free(mb, finished);
      finished = next;
    }
    if (mb->waiters > 0) pthread_cond_broadcast(&mb->done_changed);
  }
  struct block *taken = mb->first;
  mb->first = NULL;
  mb->last = &mb->first;
  pthread_mutex_unlock(&mb->lock);
  return taken;
}

bool mailbox_sleep(struct mailbox *mb, bool lendable) {
  pthread_mutex_lock(&mb->lock);
  mb->asleep = !mb->first;
  mb->lendable = lendable;
  bool asleep = mb->asleep;
  pthread_mutex_unlock(&mb->lock);
  return asleep;
}

// A signal makes the waiting thread the consumer, until its mailbox_take.
bool mailbox_rise(struct mailbox *mb) {
  pthread_mutex_lock(&mb->lock);
  bool is_consumer = mb->asleep || mb->signalled;
  mb->asleep = false;
  pthread_mutex_unlock(&mb->lock);
  return is_consumer;
}

bool mailbox_stop_lending(struct mailbox *mb) {
  pthread_mutex_lock(&mb->lock);
  bool is_adopted = !mb->asleep && !mb->signalled;
  if (!is_adopted) mb->lendable = false;
  pthread_mutex_unlock(&mb->lock);
  return !is_adopted;
}

void mailbox_yield(struct mailbox *mb) {
  pthread_mutex_lock(&mb->lock);
  signal_consumer(mb);
  pthread_mutex_unlock(&mb->lock);
}

int mailbox_fd(const struct mailbox *mb) {
  return mb->wake_fd;
}

struct mailbox_stats mailbox_stats(struct mailbox *mb) {
  pthread_mutex_lock(&mb->lock);
  struct mailbox_stats stats = mb->stats;
  pthread_mutex_unlock(&mb->lock);
  return stats;
}

static int open_wake(struct mailbox *mb) {
#ifdef __linux__
  mb->wake_fd = mb->signal_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return mb->wake_fd < 0 ? -errno : 0;
#else
  int ends[2];
  if (pipe(ends) != 0) return -errno;
  for (int i = 0; i < 2; i++) {
    fcntl(ends[i], F_SETFL, O_NONBLOCK);
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  }
  mb->wake_fd = ends[0];
  mb->signal_fd = ends[1];
  return 0;
#endif
}

// Lock held: were the descriptor written after the lock's release, the consumer could reset it
// before, and would find it readable for ever after.
static void signal_consumer(struct mailbox *mb) {
  mb->asleep = false;
  mb->signalled = true;
  mb->stats.wakeups++;
  uint64_t one = 1;
  ssize_t n;
  do {
    n = write(mb->signal_fd, &one, sizeof one);
  } while (n < 0 && errno == EINTR);
  assert(n == sizeof one); // at most one signal is ever outstanding
}

static void reset_signal(struct mailbox *mb) {
  mb->signalled = false;
  uint64_t count;
  ssize_t n;
  do {
    n = read(mb->wake_fd, &count, sizeof count);
  } while (n < 0 && errno == EINTR);
  assert(n == sizeof count);
}

// Lock held.
static void keep_or_free(struct mailbox *mb, struct block *block) {
  if (mb->spares >= SPARES_MAX || mb->spare_bytes + block->capacity > SPARE_BYTES_MAX) {
    mb->stats.bytes -= block->capacity;
    mem_free(block);
    return;
  }
  block->used = 0;
  block->records = 0;
  block->next = mb->spare;
  mb->spare = block;
  mb->spares++;
  mb->spare_bytes += block->capacity;
}

static void free_chain(struct block *chain) {
  while (chain) {
    struct block *next = chain->next;
    mem_free(chain);
    chain = next;
  }
}
