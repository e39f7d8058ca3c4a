#ifndef SCRIPT_TRIAL_H
#define SCRIPT_TRIAL_H

// What `luaws test` knows of the runtime beyond what a script does: what runs that was started in a
// test, and where; how to end it; and how to end what a test waits for. The Lua module
// luaws.testing.native, for lua/luaws/testing alone. Lua thread.

#include <lua.h>
#include "script/args.h"
#include "script/runtime.h"

struct task;

// Makes the module loadable. It is when it is loaded that the trial begins.
void trial_preload(lua_State *L);

// Where L is, for what is started now; NULL outside of a trial, and for L NULL. The caller frees
// it.
static inline char *trial_note_place(const struct runtime *rt, lua_State *L) {
  return rt->trial && L ? args_copy_place(L) : NULL;
}

// ms: how long `t` may compute, which has no limit of its own; 0: as long as it likes, as busted
// between the tests.
uint32_t trial_limit(const struct runtime *rt, const struct task *t);

// A task is about to run on `co`: within a trial, which there is. What looks at all code gets to
// see it (luacov).
void trial_adopt(struct runtime *rt, lua_State *co);

// Keeps the error of the event on top of L, which stays, for native.errors(): with what was running
// in its field `callback`.
void trial_keep_error(lua_State *L, const char *what);

// Adds { what =, place =, at = } to the array on top of L: what runs, where it was started (may be
// NULL), and where its coroutine waits (may be NULL: it has none).
void trial_add(lua_State *L, const char *what, const char *place, lua_State *co);

#endif
