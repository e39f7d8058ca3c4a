#ifndef SCRIPT_TRACEBACK_H
#define SCRIPT_TRACEBACK_H

// Tracebacks for people: as luaL_traceback writes them, without the frames of luaws's own Lua code,
// and without C's at both ends. Lua thread.

#include <lua.h>
#include <stdbool.h>

// Pushes the traceback of `co` onto L, a line for each frame ("\tchat.lua:12: in method 'add'"); ""
// when none is left. In the middle of a deep one frames are skipped.
const char *traceback_push_lines(lua_State *L, lua_State *co);

// The frame of a script that is nearest to the top of `co`, filled as by lua_getinfo "Sl". False:
// there is none.
bool traceback_find_place(lua_State *co, lua_Debug *frame);

// How many frames there are; 0 is the top's level.
int traceback_count_levels(lua_State *co);

// Whether this frame, filled with "S", is of luaws's own Lua code.
bool traceback_is_own(const lua_Debug *frame);

#endif
