#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

// Tasks: everything of a script runs in one. A task is a call on a coroutine of its own, which may
// wait. Coroutines are recycled, so that a call on one costs what a protected call costs.
//
//   idle -> (function and arguments are pushed) -> running <-> waiting, ready -> done -> idle
//
// Tasks are resumed from the top of the worker's loop alone, never from inside another one (but the
// script that is read anew: reload.h). Lua thread.
//
// Each task, timer, client, server and handle of luv's has a scope: the generation of the script
// whose main chunk has started it, directly or by way of its modules, its tasks and its timers; or
// SCOPE_NONE when a callback of a handler or of luv's has. When the script is reloaded, what has
// the old generation's scope is ended (scope.h).

#include <limits.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "script/runtime.h"

struct link;
struct waiter;
struct wss;

enum { SCOPE_NONE = 0 };

// Of what connections without a network have started (wired.h): that also has a clock of its own.
#define SCOPE_WIRED UINT_MAX

enum task_state {
  TASK_FRESH,   // its function has not been called yet
  TASK_RUNNING, // on the C stack right now
  TASK_SLEEPING,
  TASK_AWAITING,
  TASK_LISTENING, // on a list of those that wait for the same, perhaps not for ever
};

struct task {
  lua_State *co;
  int ref;             // keeps the coroutine alive
  struct list node;    // on runtime.ready or .waiting; on itself while it runs
  struct task *next;   // on runtime.idle
  struct list turn;    // TASK_LISTENING: on that list; else on itself
  struct deadline due; // TASK_SLEEPING, TASK_LISTENING: when to go on
  struct deadline end; // when to cancel it; stopped: never
  const char *what;    // "onMessage", "timer", ... for the log
  // Called once, with ok when the call has returned: its results are all there is on `co`. If not,
  // an error event is on top of runtime.L, and this pops it. May start other tasks.
  void (*on_done)(struct runtime *rt, struct task *t, bool ok);
  void *owner;           // on_done's own
  struct link *link;     // the connection that this is a callback of, or NULL
  struct wss *wss;       // the server that this is a callback of, or NULL
  uint64_t started;      // ms
  struct waiter *waiter; // TASK_AWAITING
  unsigned scope;        // see above
  char *place;           // where in a script it was started ("chat.lua:12"); NULL: by none
  uint32_t limit;        // ms that it may compute at a stretch; 0: as its callback may (budget.h)
  const char *text;      // a string that is valid UTF-8 and stays on its stack, or NULL
  int error_code;        // luaws's own, for an error that luaws raises in it; 0: none
  uint8_t state;         // enum task_state
  bool is_main;          // the script itself: its error is no log line
  bool is_refused;       // runtime_refuse_start has raised in it
  bool is_patient;       // a call in a worker made for such: it may compute as long as it likes
  bool is_cancelled;     // each wait raises from now on
  bool is_called_off;    // its wait raises, once (wait_call_off)
  bool is_interrupted;   // its connection has ended: sleeps return at once
  bool is_served;        // TASK_LISTENING: its turn has come
  bool is_spent;         // an error of a hook has left its coroutine unfit for hooks
};

// A task with an empty stack: push a function and its arguments onto ->co, set ->link and ->wss if
// it has them, then run or defer it. `what` is static. Its scope is SCOPE_NONE.
struct task *task_new(struct runtime *rt, const char *what,
                      void (*on_done)(struct runtime *rt, struct task *t, bool ok), void *owner);

// The scope of what is started now: the running task's.
static inline unsigned task_scope(const struct runtime *rt) {
  return rt->current ? rt->current->scope : SCOPE_NONE;
}

// Moves the `count` values on top of L, the running one, onto the stack of a task that has not been
// run or deferred yet. Raises on L where there is no memory for them; the task is gone then.
void task_take(struct runtime *rt, struct task *t, lua_State *L, int count);

// Whether it has begun and waits for something.
static inline bool task_is_waiting(const struct task *t) {
  return t->state == TASK_SLEEPING || t->state == TASK_AWAITING || t->state == TASK_LISTENING;
}

// Raises on L, the running one, where there is no memory for another task.
void task_check_room(lua_State *L);

// Calls it now: only from the top of the loop.
void task_run(struct runtime *rt, struct task *t);

// For a script that is read again: calls it at once, inside the running one. It can't wait, and is
// interrupted when it computes for longer than `ms`. True: it has returned. False: the error value
// and the traceback are on top of L. Then it is gone.
bool task_run_inside(struct runtime *rt, struct task *t, lua_State *L, uint32_t ms);

// Calls it, or goes on with it, in the next turn.
void task_defer(struct runtime *rt, struct task *t);

// Runs what was ready when this began.
void task_run_ready(struct runtime *rt);

// Ends its waiting with an error raised there, and each later wait at once.
void task_cancel(struct runtime *rt, struct task *t);

// Cancels it at `due` (ms).
void task_cancel_at(struct runtime *rt, struct task *t, uint64_t due);

// The running task is going to wait on `list`, behind all others, until `due` (ms; CONFIG_NONE: for
// ever) at most. It must yield then.
void task_listen(struct runtime *rt, struct task *t, struct list *list, uint64_t due);

// Whoever waits there longest goes on and finds is_served. False: nobody waits.
bool task_serve(struct runtime *rt, struct list *list);

// It has gone on, for whatever reason. Whether its turn had come.
bool task_was_served(struct task *t);

// Its connection has ended: a sleep returns.
void task_interrupt(struct runtime *rt, struct task *t);

// Closes every task that waits or is ready: no more of them is run but their __close methods.
// on_done is not called.
void task_kill_all(struct runtime *rt);

// The same for those of a scope which are nobody's callbacks; not for the running one.
void task_kill_scope(struct runtime *rt, unsigned scope);

// trial_add for those of a scope that wait or are ready and are nobody's callbacks, to the array on
// top of L.
void task_list(struct runtime *rt, unsigned scope, lua_State *L);

// Cancels all that wait and are somebody's callbacks, with a trial_add for each of them.
void task_cancel_callbacks(struct runtime *rt, lua_State *L);

// Lets `map` replace each value on the stack of a task that has not run yet: it is on top of L.
// Then of each such task of a scope.
void task_map_stack(struct task *t, lua_State *L, void (*map)(lua_State *L));
void task_map(struct runtime *rt, unsigned scope, lua_State *L, void (*map)(lua_State *L));

// Closes a task that is ready and has not run yet, whose on_done is not called.
void task_drop(struct runtime *rt, struct task *t);

// Goes on with a task that waits, in the next turn.
void task_wake(struct runtime *rt, struct task *t);

// Frees the recycled ones.
void task_deinit_idle(struct runtime *rt);

// An on_done for what has no handler of its own: errors go to luaws.onError.
void task_done_alone(struct runtime *rt, struct task *t, bool ok);

#endif
