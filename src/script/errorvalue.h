#ifndef SCRIPT_ERRORVALUE_H
#define SCRIPT_ERRORVALUE_H

// Error values as text. Lua thread.

#include <lua.h>
#include "script/runtime.h"

// Pushes onto rt->L the text of the error value on top of `co`, which keeps it; whatever that value
// is: a table, nil, one whose __tostring raises, never ends, or returns something else. Where a
// task is running, the cap must have been taken off (alloc_unbind).
void errorvalue_push_text(struct runtime *rt, lua_State *co);

#endif
