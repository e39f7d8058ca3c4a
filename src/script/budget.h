#ifndef SCRIPT_BUDGET_H
#define SCRIPT_BUDGET_H

// How long script code may compute at a stretch: from its call, or from the end of a wait, to its
// next wait or its end. When the time is over it is interrupted by an error that says where; after
// WATCHDOG_WARN_MS the log is told, in any case. Part of struct runtime; Lua thread.
//
// The watchdog's signal makes a hook in the coroutine that runs, and the hook does the rest, in
// Lua's own time. It goes on raising until the stretch is over, so that no pcall keeps the script
// computing; behind the first error there is time for a few thousand instructions, to tidy up.

#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "script/watchdog.h"

struct runtime;
struct task;

enum { BUDGET_WATCH_MS = 10000 }; // what each callback may compute for with --watch

struct budget {
  struct watched watched;
  lua_State *volatile running; // the coroutine that runs: a task's, or one that it has resumed
  const struct task *closing;  // whose __close methods run behind its end; NULL: none's
  uint32_t limit;              // ms, of what budget_begin has begun; 0: find_limit says
  uint32_t warned;             // the stretch that the log has been told of
  unsigned interrupts;         // in this stretch
  unsigned grace;              // looks of the hook, from the first interrupt on to the next
  _Atomic uint64_t ended;      // a session of the console whose line is to end, and 1; 0: none
  // The hook of the script's own that ours has taken the place of, and whose it is; NULL: none.
  lua_State *hooked;
  lua_Hook other;
  int other_mask, other_count;
};

// What goes on when the inner stretch is over.
struct budget_span {
  lua_State *running;
  const struct task *closing;
  uint32_t limit;
  bool is_inner;
};

void budget_init(struct runtime *rt);
void budget_deinit(struct runtime *rt);

// `L` is going to run script code, which may compute for `ms` (0: as long as it likes). Can be
// nested. Between the two no error may get past the caller.
void budget_begin(struct runtime *rt, lua_State *L, uint32_t ms, struct budget_span *outer);

// The same for the __close methods of what `t` has left open: as long as it might.
void budget_begin_closing(struct runtime *rt, const struct task *t, struct budget_span *outer);

// It has ended, or waits. Whether it was interrupted.
bool budget_end(struct runtime *rt, const struct budget_span *outer);

// From now on the running task may compute for `ms` (0: as its callback may), counted from now;
// that it has been interrupted before is forgotten.
void budget_restart(struct runtime *rt, uint32_t ms);

// If a line of that session of the console computes, it is interrupted: the next time that the
// watchdog looks. Any thread, once the worker has begun.
void budget_end_line(struct runtime *rt, uint64_t session);

// Makes `require "luaws.budget"` work: a function(seconds or nil) that does that.
void budget_preload(lua_State *L);

// Whose script code it is that runs; NULL: no task's.
const struct task *budget_task(const struct runtime *rt);

// A server may limit its callbacks to `ms`: the watchdog is to look as often as that needs.
void budget_note_limit(struct runtime *rt, uint64_t ms);

// The same two for a task, on the hot path: its limit is asked for when it matters. _stop: whether
// it was interrupted.
static inline void budget_start(struct budget *b, lua_State *co) {
  b->running = co;
  atomic_signal_fence(memory_order_seq_cst);
  uint32_t stretch = atomic_load_explicit(&b->watched.stretch, memory_order_relaxed);
  atomic_store_explicit(&b->watched.stretch, stretch + 1, memory_order_relaxed);
}

static inline bool budget_stop(struct budget *b) {
  uint32_t stretch = atomic_load_explicit(&b->watched.stretch, memory_order_relaxed);
  atomic_store_explicit(&b->watched.stretch, stretch + 1, memory_order_relaxed);
  return b->interrupts > 0;
}

// A task whose coroutine has returned with `status` was interrupted meanwhile.
void budget_settle(struct runtime *rt, struct task *t, int status);

// For coroutines of the script's own: `co` runs now. When the time is over already, it has the
// hook.
void budget_switch(struct runtime *rt, lua_State *co);

#endif
