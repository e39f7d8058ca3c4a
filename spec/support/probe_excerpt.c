// src/script/excerpt for specs.

#include <lauxlib.h>
#include "probe.h"
#include "script/excerpt.h"

// excerpt.ofText(text, line) -> text or nil
static int of_text(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  char excerpt[EXCERPT_MAX];
  bool is_found = excerpt_of_text(excerpt, text, length, (int)luaL_checkinteger(L, 2));
  if (is_found)
    lua_pushstring(L, excerpt);
  else
    lua_pushnil(L);
  return 1;
}

int probe_open_excerpt(lua_State *L) {
  excerpt_preload(L);
  lua_newtable(L);
  lua_pushcfunction(L, of_text);
  lua_setfield(L, -2, "ofText");
  lua_getglobal(L, "require");
  lua_pushliteral(L, "luaws.excerpt");
  lua_call(L, 1, 1);
  lua_setfield(L, -2, "ofFile");
  return 1;
}
