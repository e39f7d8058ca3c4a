// Error values as text. A value's own __tostring is a script's code: it is called protected and
// within a budget. Runs in the Lua thread.

#include "script/errorvalue.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum {
  TOSTRING_MS = 1000,
  FIELDS_MAX = 8, // of a table that are shown
  VALUE_MAX = 64, // bytes of a string among them
};

static int call_tolstring(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

// Replaces the value on top of rt->L by its text. False: it stays, since its __tostring is broken.
static bool convert(struct runtime *rt) {
  lua_State *L = rt->L;
  lua_pushcfunction(L, call_tolstring);
  lua_pushvalue(L, -2);
  struct budget_span outer;
  size_t limit = rt->alloc.limit;
  alloc_bind(&rt->alloc, true);
  budget_begin(rt, L, TOSTRING_MS, &outer);
  int status = lua_pcall(L, 1, 1, 0);
  budget_end(rt, &outer);
  rt->alloc.limit = limit;
  if (status == LUA_OK) {
    lua_replace(L, -2);
    return true;
  }
  lua_pop(L, 1);
  return false;
}

static bool is_name(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return length > 0 && length <= VALUE_MAX;
}

// Pushes "key = value" of the pair on top; false, and nothing, for what isn't worth it.
static bool push_pair(lua_State *L) {
  size_t length;
  if (lua_type(L, -2) != LUA_TSTRING) return false;
  const char *key = lua_tolstring(L, -2, &length);
  if (!is_name(key, length)) return false;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    if (lua_rawlen(L, -1) > VALUE_MAX) return false;
    lua_pushfstring(L, "%s = \"%s\"", key, lua_tostring(L, -1));
    return true;
  case LUA_TNUMBER:
    lua_pushvalue(L, -1);
    lua_pushfstring(L, "%s = %s", key, lua_tostring(L, -1));
    lua_remove(L, -2);
    return true;
  case LUA_TBOOLEAN:
    lua_pushfstring(L, "%s = %s", key, lua_toboolean(L, -1) ? "true" : "false");
    return true;
  default: return false;
  }
}

static int compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Pushes " { code = 42, reason = "late" }" of the table on top, without asking its metatable; ""
// when it has nothing of that kind.
static void push_fields(lua_State *L) {
  const char *pairs[FIELDS_MAX];
  int count = 0, table = lua_gettop(L);
  luaL_checkstack(L, FIELDS_MAX + LUA_MINSTACK, NULL);
  lua_createtable(L, FIELDS_MAX, 0); // keeps the pairs
  lua_pushnil(L);
  while (count < FIELDS_MAX && lua_next(L, table)) {
    if (push_pair(L)) {
      pairs[count++] = lua_tostring(L, -1);
      lua_rawseti(L, table + 1, count);
    }
    lua_pop(L, 1);
  }
  lua_settop(L, table + 1);
  qsort(pairs, (size_t)count, sizeof *pairs, compare);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (int i = 0; i < count; i++) {
    luaL_addstring(&text, i == 0 ? " { " : ", ");
    luaL_addstring(&text, pairs[i]);
  }
  if (count > 0) luaL_addstring(&text, " }");
  luaL_pushresult(&text);
  lua_remove(L, table + 1);
}

void errorvalue_push_text(struct runtime *rt, lua_State *co) {
  lua_State *L = rt->L;
  lua_pushvalue(co, -1);
  lua_xmove(co, L, 1);
  int type = lua_type(L, -1);
  if (type == LUA_TSTRING) return;
  bool has_text = type == LUA_TNUMBER;
  if (luaL_getmetafield(L, -1, "__tostring") != LUA_TNIL) {
    lua_pop(L, 1);
    has_text = true;
  }
  if (has_text && convert(rt)) return;
  if (type == LUA_TTABLE)
    push_fields(L);
  else
    lua_pushliteral(L, "");
  lua_pushfstring(L, "(error object is a %s value%s%s)", lua_typename(L, type),
                  has_text ? " whose __tostring is broken" : "", lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}
