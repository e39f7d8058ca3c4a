#ifndef SCRIPT_COROUTINES_H
#define SCRIPT_COROUTINES_H

// coroutine.resume, .wrap and .close, which do what Lua's own do, and besides let luaws know which
// coroutine runs (budget.h), and where an error in one comes from. Lua thread.

#include <lua.h>

// Puts them in the place of Lua's own.
void coroutines_open(lua_State *L);

// Pushes the traceback of the coroutines that the latest error has come through, if that is the
// value at `index`: lines as traceback_push_lines makes them; else nil. It is forgotten.
void coroutines_take_traceback(lua_State *L, int index);

#endif
