// See values.h.

#include "support/values.h"

#include <lauxlib.h>
#include <math.h>
#include "script/json.h"

lua_State *values_open(void) {
  lua_State *L = luaL_newstate();
  lua_newtable(L);
  json_open(L);
  lua_settop(L, 0);
  return L;
}

void values_drop(lua_State *L) {
  lua_settop(L, 0);
  lua_gc(L, LUA_GCCOLLECT);
}

size_t values_count(lua_State *L, int table) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
    count++;
  return count;
}

static bool are_equal_tables(lua_State *L, int a, int b, bool marks) {
  if (marks && json_is_array(L, a) != json_is_array(L, b)) return false;
  if (values_count(L, a) != values_count(L, b)) return false;
  for (lua_pushnil(L); lua_next(L, a); lua_pop(L, 2)) {
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    if (!values_equal(L, lua_gettop(L) - 1, lua_gettop(L), marks)) return false;
  }
  return true;
}

bool values_equal(lua_State *L, int a, int b, bool marks) {
  luaL_checkstack(L, 8, "compare");
  if (lua_type(L, a) != lua_type(L, b) || lua_isinteger(L, a) != lua_isinteger(L, b)) return false;
  if (lua_type(L, a) == LUA_TNUMBER && !lua_isinteger(L, a))
    return lua_tonumber(L, a) == lua_tonumber(L, b) &&
           signbit(lua_tonumber(L, a)) == signbit(lua_tonumber(L, b));
  return lua_istable(L, a) ? are_equal_tables(L, a, b, marks) : lua_rawequal(L, a, b);
}
