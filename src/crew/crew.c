// The threads. The reactor belongs to the thread that runs it, but for the spans in which it is
// lent: then to whoever reclaims it first. The worker belongs to its mailbox's consumer.

#include "crew/crew.h"

#include <pthread.h>
#include <uv.h>
#include "base/clock.h"
#include "base/mem.h"

enum {
  // Between two looks of the worker's thread at what its stand-in is doing. A turn that takes so
  // long isn't for the reactor's thread...
  WATCH_MS = 5,
  COOLDOWN_MS = 100 // ...nor are those that follow
};

struct crew {
  struct reactor *reactor;
  struct worker *worker;
  uv_thread_t threads[2];
  unsigned thread_count; // those that run
  uint64_t cool_at;      // ms: no standing in before. The worker's consumer's
  pthread_mutex_t lock;  // of what follows
  bool is_lent;          // nobody runs the reactor: its thread stands in for the worker
  uint64_t lent_at;      // ms: since when
  uint64_t lendings;     // so far
};

static void lend(struct crew *c) {
  pthread_mutex_lock(&c->lock);
  c->is_lent = true;
  c->lent_at = clock_ms();
  c->lendings++;
  pthread_mutex_unlock(&c->lock);
}

// False: the other thread has taken it over.
static bool reclaim(struct crew *c) {
  pthread_mutex_lock(&c->lock);
  bool was_lent = c->is_lent;
  c->is_lent = false;
  pthread_mutex_unlock(&c->lock);
  return was_lent;
}

// Stands in for the worker until it sleeps. False: the reactor has been taken over, the worker is
// this thread's now.
static bool stand_in(struct crew *c) {
  bool lendable = true;
  do {
    lend(c);
    uint64_t start = c->lent_at;
    worker_turn(c->worker);
    uint64_t now = clock_ms();
    if (now - start >= WATCH_MS) {
      c->cool_at = now + COOLDOWN_MS;
      lendable = false;
    }
    if (!reclaim(c)) return false;
  } while (!worker_rest(c->worker, lendable));
  return true;
}

// True: it has quit.
static bool run_reactor(struct crew *c) {
  while (reactor_turn(c->reactor, false)) {
    if (reactor_has_adopted(c->reactor) && !stand_in(c)) return false;
  }
  reactor_end(c->reactor);
  return true;
}

static bool take_over(struct crew *c, uint64_t *lendings) {
  pthread_mutex_lock(&c->lock);
  bool is_stuck = c->is_lent && clock_ms() - c->lent_at >= WATCH_MS;
  if (is_stuck) c->is_lent = false;
  *lendings = c->lendings;
  pthread_mutex_unlock(&c->lock);
  return is_stuck;
}

// Waits until the worker is this thread's again. False: the reactor is.
static bool await_work(struct crew *c, bool is_lendable) {
  uint64_t lendings, before = 0;
  if (is_lendable && take_over(c, &before)) return false;
  for (;;) {
    bool is_called = worker_wait(c->worker, is_lendable ? WATCH_MS : UINT64_MAX);
    if (is_lendable && take_over(c, &lendings)) return false;
    if (is_called && worker_rise(c->worker)) return true;
    if (!is_lendable || is_called) continue;
    if (lendings == before && worker_stop_lending(c->worker)) is_lendable = false;
    before = lendings;
  }
}

// True: it has ended.
static bool run_worker(struct crew *c) {
  while (worker_turn(c->worker)) {
    bool is_lendable = c->reactor && clock_ms() >= c->cool_at;
    if (worker_sleep(c->worker, is_lendable) && !await_work(c, is_lendable)) return false;
  }
  worker_end(c->worker);
  return true;
}

static void run(struct crew *c, bool has_worker) {
  while (!(has_worker ? run_worker(c) : run_reactor(c)))
    has_worker = !has_worker;
}

static void start_reactor(void *context) {
  run(context, false);
}

static void start_worker(void *context) {
  struct crew *c = context;
  worker_begin(c->worker);
  run(c, true);
}

// worker_set_help's.
static bool help(void *context) {
  struct crew *c = context;
  if (!reclaim(c)) return false;
  reactor_turn(c->reactor, true);
  lend(c);
  return true;
}

struct crew *crew_new(struct reactor *reactor, struct worker *worker) {
  struct crew *c = mem_zalloc(sizeof *c);
  c->reactor = reactor;
  c->worker = worker;
  pthread_mutex_init(&c->lock, NULL);
  if (reactor && worker) {
    reactor_stand_in(reactor);
    worker_set_help(worker, help, c);
  }
  return c;
}

static int start_thread(struct crew *c, void (*run_thread)(void *context)) {
  int status = uv_thread_create(&c->threads[c->thread_count], run_thread, c);
  if (status == 0) c->thread_count++;
  return status;
}

int crew_start(struct crew *c) {
  int status = c->reactor ? start_thread(c, start_reactor) : 0;
  if (status == 0 && c->worker) status = start_thread(c, start_worker);
  if (status == 0 || c->thread_count == 0) return status;
  reactor_quit(c->reactor);
  crew_join(c);
  return status;
}

void crew_join(struct crew *c) {
  while (c->thread_count > 0)
    uv_thread_join(&c->threads[--c->thread_count]);
}

void crew_free(struct crew *c) {
  if (!c) return;
  pthread_mutex_destroy(&c->lock);
  mem_free(c);
}
