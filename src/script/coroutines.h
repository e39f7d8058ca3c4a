#ifndef SCRIPT_COROUTINES_H
#define SCRIPT_COROUTINES_H

// coroutine.resume, .wrap and .close, which do what Lua's own do, and besides let luaws know which
// coroutine runs (budget.h), and where an error in one comes from. Lua thread.

#include <lua.h>

// Puts them in the place of Lua's own.
void coroutines_open(lua_State *L);

// Pushes the traceback of the coroutines that the error value at `index` has come through, one line
// an entry, or nil when it has come through none.
void coroutines_push_traceback(lua_State *L, int index);

#endif
