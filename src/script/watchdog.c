// The watchdog: its looks run in the main thread, its signals' handler in those that run scripts.
//
// A signal goes to the thread that has entered last, under the lock that a thread must take to
// remove what it has run: so that thread lives. That it may have left by now, or stands in for
// another one, is no matter: the handler asks for what this thread is in the middle of.

#include "script/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

enum {
  BUSY_MS = 100, // between two looks while there is something to see
  IDLE_MS = 500,
  SHORTEST_MS = 10,
  QUIET_LOOKS = 10,   // without anything to see, until it is idle
  PATIENCE_MS = 1000, // for an answer
  PARTS = 4,          // looks in the shortest span that somebody wants to hear of
};

struct watchdog {
  pthread_mutex_t lock;
  struct list watched;
  unsigned quiet; // looks
};

// Whose turn this thread runs. For the signal's handler, which has nothing else to go by.
static _Thread_local struct watched *volatile entered;

static void on_urgent(int number) {
  (void)number;
  int before = errno;
  struct watched *w = entered;
  if (w && (atomic_load_explicit(&w->stretch, memory_order_relaxed) & 1)) w->on_signal(w);
  errno = before;
}

struct watchdog *watchdog_new(void) {
  struct watchdog *dog = mem_zalloc(sizeof *dog);
  pthread_mutex_init(&dog->lock, NULL);
  list_init(&dog->watched);
  struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGURG, &action, NULL);
  return dog;
}

void watchdog_free(struct watchdog *dog) {
  if (!dog) return;
  pthread_mutex_destroy(&dog->lock);
  mem_free(dog);
}

void watchdog_add(struct watchdog *dog, struct watched *w) {
  list_init(&w->node);
  atomic_store(&w->first, WATCHDOG_WARN_MS);
  w->dog = dog;
  if (!dog) return;
  pthread_mutex_lock(&dog->lock);
  list_push(&dog->watched, &w->node);
  pthread_mutex_unlock(&dog->lock);
}

void watchdog_remove(struct watched *w) {
  if (!w->dog) return;
  pthread_mutex_lock(&w->dog->lock);
  list_remove(&w->node);
  pthread_mutex_unlock(&w->dog->lock);
  w->dog = NULL;
}

void watchdog_call(struct watched *w) {
  atomic_store(&w->is_called, true);
}

void watchdog_call_all(struct watchdog *dog) {
  if (!dog) return;
  pthread_mutex_lock(&dog->lock);
  for (struct list *i = dog->watched.next; i != &dog->watched; i = i->next)
    watchdog_call(LIST_ENTRY(i, struct watched, node));
  pthread_mutex_unlock(&dog->lock);
}

// Only who enters writes ->thread, one after the other: to read it here needs no lock.
void watchdog_enter(struct watched *w) {
  entered = w;
  if (!w->dog || (w->has_thread && pthread_equal(w->thread, pthread_self()))) return;
  pthread_mutex_lock(&w->dog->lock);
  w->thread = pthread_self();
  w->has_thread = true;
  pthread_mutex_unlock(&w->dog->lock);
}

void watchdog_leave(struct watched *w) {
  (void)w;
  entered = NULL;
}

// Looking ----------------------------------------------------------------------------------------

static void tell(const struct watched *w, uint64_t elapsed, const char *how) {
  const char *what = atomic_load(&w->what);
  struct log_field fields[2] = {
      {.key = "in", .kind = LOG_STRING, .string = what, .length = what ? strlen(what) : 0},
      {.key = "connection", .kind = LOG_INTEGER, .integer = (int64_t)atomic_load(&w->connection)}};
  char text[256];
  int n = snprintf(text, sizeof text, how, (double)elapsed / 1000);
  log_write(LOG_WARN, text, (size_t)n, fields, (what != NULL) + (what && fields[1].integer > 0));
}

static void look_after_signal(struct watched *w, uint64_t now, uint64_t elapsed) {
  if (w->asked == 0) w->asked = now;
  if (w->is_told || now - w->asked < PATIENCE_MS) return;
  w->is_told = true;
  tell(w, elapsed,
       "script code has been running for %.1f s and can't be interrupted: it is within one call of "
       "a C function (a long pattern match, a call that blocks), or of a finalizer or the like. "
       "Connections are looked after meanwhile");
}

static void ask(struct watched *w, uint32_t stretch, uint64_t now) {
  uint64_t elapsed = now - w->since;
  atomic_store(&w->order, (uint64_t)stretch << 32 | (uint32_t)elapsed);
  if (w->has_thread) pthread_kill(w->thread, SIGURG);
  look_after_signal(w, now, elapsed);
}

// Whether there is something to see.
static bool look_at(struct watched *w, uint64_t now) {
  uint32_t stretch = atomic_load_explicit(&w->stretch, memory_order_relaxed);
  if (stretch != w->seen) {
    if (w->is_told) tell(w, now - w->since, "the call has returned after %.1f s");
    w->seen = stretch;
    w->since = now;
    w->asked = 0;
    w->is_told = false;
    w->due = atomic_load_explicit(&w->first, memory_order_relaxed);
    return true;
  }
  if (!(stretch & 1)) return false;
  uint64_t answer = atomic_load(&w->answer);
  if (w->asked != 0 && answer >> 32 == stretch && (uint32_t)answer != w->due) {
    w->due = (uint32_t)answer;
    w->asked = 0;
  }
  bool is_due = w->due != WATCHDOG_NEVER && now - w->since >= w->due;
  if (atomic_exchange(&w->is_called, false) || is_due) ask(w, stretch, now);
  return true;
}

uint64_t watchdog_look(struct watchdog *dog, uint64_t now) {
  uint64_t shortest = UINT64_MAX;
  bool is_busy = false;
  pthread_mutex_lock(&dog->lock);
  for (struct list *i = dog->watched.next; i != &dog->watched; i = i->next) {
    struct watched *w = LIST_ENTRY(i, struct watched, node);
    is_busy = look_at(w, now) || is_busy;
    uint64_t part = atomic_load_explicit(&w->first, memory_order_relaxed) / PARTS;
    if (part < shortest) shortest = part;
  }
  pthread_mutex_unlock(&dog->lock);
  dog->quiet = is_busy ? 0 : dog->quiet + 1;
  uint64_t wait = dog->quiet > QUIET_LOOKS ? IDLE_MS : BUSY_MS;
  if (shortest < SHORTEST_MS) shortest = SHORTEST_MS;
  return shortest < wait ? shortest : wait;
}
