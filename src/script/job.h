#ifndef SCRIPT_JOB_H
#define SCRIPT_JOB_H

// Calls from other workers, as the worker sees them that carries them out: one at a time, in order,
// each in a task of its own. Lua thread.

#include <lua.h>
#include <stdbool.h>
#include "base/span.h"
#include "mailbox/batch.h"
#include "script/runtime.h"

struct job; // private

// What answers of other workers, and arguments for them, may take.
#define JOB_SIZE_MAX (64 * 1024 * 1024)

// Adds what lua/luaws/calls.lua needs to the table at the top of the stack.
void job_open(lua_State *L);

// EVENT_CALL.
void job_on_call(struct runtime *rt, const struct record *record);

// EVENT_KILL: those that wait are dropped; the worker ends when the present one has returned.
void job_on_kill(struct runtime *rt);

// A task is being closed before its end: if it was the present one's, that has failed.
void job_on_closed(struct runtime *rt, const struct task *t);

// Whether there is one that runs or waits.
bool job_is_there(const struct runtime *rt);

// Drops those that wait: who asks is told `why`, the log of the others.
void job_drop_waiting(struct runtime *rt, const char *why);

// The end: drops the present one, too. Its task is gone.
void job_drop_all(struct runtime *rt, const char *why);

// Answers a call that has come when the worker had ended.
void job_refuse(struct roster *roster, const struct seat *seat, const struct record *record);

// Whether the running task is the call that is being carried out; then whom it has behind it: names
// of workers, each with a NUL.
bool job_is_current(const struct runtime *rt, struct span *chain);

#endif
