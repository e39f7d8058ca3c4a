#ifndef SCRIPT_WAIT_H
#define SCRIPT_WAIT_H

// The functions of the Lua API with which a task waits, or starts another one. Lua thread.

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"

struct task;

// What a task in TASK_AWAITING shares with whom it waits for: `done` of a luaws.await, or the
// answer of another worker.
struct waiter {
  struct task *task; // the one that waits, NULL: not yet, or no more
  struct list node;  // of an answer: on runtime.asks until it has come; else on itself
  bool is_done;
  bool has_failed; // there was no memory for what `done` was called with
};

int wait_sleep(lua_State *L); // luaws.sleep
int wait_await(lua_State *L); // luaws.await
int wait_spawn(lua_State *L); // luaws.spawn

// The task that waits is gone: a late `done` or answer finds nobody.
void wait_forget(struct waiter *w);

// The running task; raises, with the reason, where it can't wait. `what` names the function.
struct task *wait_check(lua_State *L, const char *what);

// Ends a task's wait, or its next one, with an error whose text is at the top of L, which this
// pops. Later ones go on.
void wait_call_off(lua_State *L, struct task *t);

// Raises when the task has been cancelled or its wait called off: first thing after each wait.
void wait_check_cancelled(lua_State *L, struct task *t);

// The number of seconds at `index`, at least 0, as milliseconds, rounded up.
uint64_t wait_check_seconds(lua_State *L, int index, const char *what);

#endif
