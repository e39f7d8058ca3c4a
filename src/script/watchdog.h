#ifndef SCRIPT_WATCHDOG_H
#define SCRIPT_WATCHDOG_H

// Looks from outside at how long script code has been running without a pause, and calls on the
// thread that runs it by a signal, SIGURG. It costs that thread two stores for each stretch: the
// watchdog finds out by itself how long a stretch has lasted, by looking every so often whether it
// is still the same one. It knows nothing of Lua; budget.h is the other side.

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"

struct watchdog; // private. Any thread, but for what says otherwise

#define WATCHDOG_WARN_MS 1000       // script code that computes longer is to say so
#define WATCHDOG_NEVER   UINT32_MAX // no signal any more for this stretch

// One who is watched: a Lua state, on whatever thread.
struct watched {
  struct watchdog *dog; // NULL: nobody watches
  struct list node;     // under the dog's lock, as what follows
  pthread_t thread;     // that runs its turns
  bool has_thread;

  // The number of the stretch: odd while script code runs. Written by that thread.
  _Atomic uint32_t stretch;
  // At how many ms of a stretch it wants the first signal. Written by that thread.
  _Atomic uint32_t first;
  // The stretch that a signal is about, and for how long that has been seen: in the upper and the
  // lower half. Written by the watchdog, before the signal.
  _Atomic uint64_t order;
  // Somebody wants it signalled at the next look, if script code runs then (watchdog_call). Written
  // by any thread.
  atomic_bool is_called;
  // What it has made of that: the stretch, and at how many ms the next signal is due. Written by
  // that thread.
  _Atomic uint64_t answer;
  // What runs, for the log. Written in on_signal.
  const char *_Atomic what;    // static, NULL: unknown
  _Atomic uint64_t connection; // its id, 0: none

  // In the signal's handler, on its thread, in the middle of a stretch.
  void (*on_signal)(struct watched *w);

  // The watchdog's own.
  uint32_t seen;
  uint32_t due;   // ms
  uint64_t since; // ms: when `seen` was seen first
  uint64_t
      asked;    // ms: when it was sent the first signal that it has not answered; 0: there is none
  bool is_told; // the log has been told that it doesn't answer
};

// Takes SIGURG over. Before the threads start.
struct watchdog *watchdog_new(void);
void watchdog_free(struct watchdog *dog);

// Looks at all, at `now` (ms). Returns when to look again, in ms. Main thread.
uint64_t watchdog_look(struct watchdog *dog, uint64_t now);

// Has the script code that runs signalled at the next look: within a tenth of a second. Any thread.
void watchdog_call(struct watched *w);

// The same for all that there are. `dog` may be NULL.
void watchdog_call_all(struct watchdog *dog);

// `w` is zero-initialised but for on_signal. `dog` may be NULL.
void watchdog_add(struct watchdog *dog, struct watched *w);
void watchdog_remove(struct watched *w);

// This thread runs a turn of it; and no more. It need not be the one that has run the last turn.
void watchdog_enter(struct watched *w);
void watchdog_leave(struct watched *w);

#endif
