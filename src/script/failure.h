#ifndef SCRIPT_FAILURE_H
#define SCRIPT_FAILURE_H

// Errors on their way to a script: from a Lua error, or a struct err, to the event that onError
// gets, and to the log. Lua thread.

#include "base/err.h"
#include "base/log.h"
#include "script/runtime.h"

struct link;
struct task;
struct wss;

// What has gone wrong where.
enum failure_kind {
  FAILURE_RAISED,  // the error value is on top of the task's stack
  FAILURE_YIELDED, // it has yielded outside luaws's waiting functions
};

// Pushes the error event of a task that has failed onto runtime.L and writes it to the log; the
// script's own failure is no log line: "luaws: <message and traceback>" on stderr.
void failure_push_task(struct runtime *rt, struct task *t, enum failure_kind kind);

// The same of an error that a __close method has raised behind the end of the task, whose stack is
// gone but for that error.
void failure_push_closing(struct runtime *rt, struct task *t);

// Pushes onto L the event of an error that has no script's code in it. `level` says how the log
// gets it; `link` and `wss` (may be NULL) where it happened.
void failure_push(lua_State *L, const struct err *e, enum log_level level, const struct link *link,
                  const struct wss *wss);

// Writes to the log that what runs on `L` has been computing for `ms`, and where it is. Changes no
// stack.
void failure_warn_busy(struct runtime *rt, lua_State *L, uint64_t ms);

// And that the running task has been interrupted, but hasn't ended by that: it has caught the
// error.
void failure_warn_caught(struct runtime *rt);

// Writes to the log that a finalizer has failed. In the middle of a collection: uses no Lua.
void failure_tell_finalizer(struct runtime *rt, const char *message);

// The error that Lua has just been refused memory.
void failure_set_memory(const struct runtime *rt, struct err *e);

// Gives the event on top of L to luaws.onError, and pops it.
void failure_tell_script(lua_State *L);

// An on_done for a call whose errors go to the log alone: onError.
void failure_done(struct runtime *rt, struct task *t, bool ok);

// Writes "luaws: <message>" to stderr: why a script could not be loaded. Pops the message
// from rt->L.
void failure_print(struct runtime *rt);

#endif
