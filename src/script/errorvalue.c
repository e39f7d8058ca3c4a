// Error values as text. A value's own __tostring is a script's code: it is called protected and
// within a budget. Runs in the Lua thread.

#include "script/errorvalue.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include "base/character.h"

enum {
  TOSTRING_MS = 1000,
  FIELDS_MAX = 8,  // of a table that are shown
  KEY_MAX = 64,    // bytes of a key
  VALUE_MAX = 200, // bytes that are shown of a string among them
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
  return length > 0 && length <= KEY_MAX;
}

// Pushes "key" or "[1]" of the key at `index`; false, and nothing, for what isn't worth it.
static bool push_key(lua_State *L, int index) {
  size_t length;
  if (lua_isinteger(L, index)) {
    lua_pushfstring(L, "[%I]", (LUAI_UACINT)lua_tointeger(L, index));
    return true;
  }
  if (lua_type(L, index) != LUA_TSTRING) return false;
  const char *key = lua_tolstring(L, index, &length);
  if (is_name(key, length)) lua_pushvalue(L, index);
  return is_name(key, length);
}

// Pushes the value at `index` as it would be written; false, and nothing, for tables and the like.
static bool push_value(lua_State *L, int index) {
  size_t length, shown;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TSTRING:
    text = lua_tolstring(L, index, &length);
    shown = character_cut(text, length, VALUE_MAX);
    lua_pushliteral(L, "\"");
    lua_pushlstring(L, text, shown);
    lua_pushstring(L, shown < length ? "...\"" : "\"");
    lua_concat(L, 3);
    return true;
  case LUA_TNUMBER:
    lua_pushvalue(L, index);
    lua_tostring(L, -1);
    return true;
  case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); return true;
  default: return false;
  }
}

// Pushes "key = value" of the pair on top; false, and nothing, for what isn't worth it.
static bool push_pair(lua_State *L) {
  int value = lua_gettop(L);
  if (!push_key(L, value - 1)) return false;
  lua_pushliteral(L, " = ");
  if (!push_value(L, value)) {
    lua_pop(L, 2);
    return false;
  }
  lua_concat(L, 3);
  return true;
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

// Pushes what the metatable of the value at `index` calls it, ": Oops"; "" when it doesn't.
static void push_kind(lua_State *L, int index) {
  int type = luaL_getmetafield(L, index, "__name");
  if (type == LUA_TSTRING)
    lua_pushfstring(L, ": %s", lua_tostring(L, -1));
  else
    lua_pushliteral(L, "");
  if (type != LUA_TNIL) lua_remove(L, -2);
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
  int value = lua_gettop(L);
  push_kind(L, value);
  lua_pushvalue(L, value);
  if (type == LUA_TTABLE)
    push_fields(L);
  else
    lua_pushliteral(L, "");
  lua_pushfstring(L, "(error object is a %s value%s%s%s)", lua_typename(L, type),
                  has_text ? " whose __tostring is broken" : "", lua_tostring(L, value + 1),
                  lua_tostring(L, -1));
  lua_replace(L, value);
  lua_settop(L, value);
}
