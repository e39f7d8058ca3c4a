#ifndef SCRIPT_ASK_H
#define SCRIPT_ASK_H

// Calls to other workers, as the worker sees them that makes them. Lua thread.

#include <lua.h>
#include "mailbox/batch.h"
#include "script/runtime.h"

// EVENT_ANSWER.
void ask_on_answer(struct runtime *rt, const struct record *record);

// Registers the class of what waits.
void ask_open(lua_State *L);

int ask_call_worker(lua_State *L); // luaws.callWorker
int ask_ask_worker(lua_State *L);  // luaws.askWorker
int ask_kill_worker(lua_State *L); // luaws.killWorker

#endif
