#ifndef SCRIPT_UVLOOP_H
#define SCRIPT_UVLOOP_H

// luv, on a loop of the worker's own that exists once the script has required it. Lua thread.

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct runtime;

// Makes `require "luv"` work.
void uvloop_preload(lua_State *L);

// Runs what is due on the loop, waiting for it, or for the mailbox, up to `timeout` ms (UINT64_MAX:
// for ever, 0: not at all). Only with rt->has_loop.
void uvloop_run(struct runtime *rt, uint64_t timeout);

// Whether anything of luv's will ever call back.
bool uvloop_is_alive(const struct runtime *rt);

// Whether the loop has nothing to run or to wait for.
bool uvloop_is_idle(const struct runtime *rt);

// Closes the handles of a scope: those that functions of it have made, not what luv's callbacks
// have. Their callbacks are called no more, but those of requests under way are.
void uvloop_end_scope(struct runtime *rt, unsigned scope);

// How many handles are on the loop besides luaws's own, whether active or not.
unsigned uvloop_count_handles(const struct runtime *rt);

// trial_add for those of a scope that are active, to the array on top of L.
void uvloop_list(struct runtime *rt, unsigned scope, lua_State *L);

// Closes all handles and runs the loop dry, calling no script any more. Before the Lua state goes.
void uvloop_close(struct runtime *rt);

#endif
