#ifndef PROBE_H
#define PROBE_H

// The probe: the C layers as a Lua module, for specs alone. `require "probe"` in luaws-spec gives a
// table with one field for each spec/support/probe_<name>.c; that file defines probe_open_<name>,
// which leaves the field's value on the stack.

#include <lauxlib.h>
#include <lua.h>
#include "probe_list.h"

#define PROBE(name) int probe_open_##name(lua_State *L);
PROBE_LIST
#undef PROBE

int luaopen_probe(lua_State *L);

// Makes the metatable `name` for userdata with these methods, "__gc" among them.
void probe_add_class(lua_State *L, const char *name, const luaL_Reg *methods);

#endif
