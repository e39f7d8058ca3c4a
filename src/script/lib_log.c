// luaws.log. Runs in the Lua thread.

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "script/args.h"
#include "script/lib.h"

enum { FIELDS_MAX = 32 };

static int compare_keys(const void *a, const void *b) {
  return strcmp(((const struct log_field *)a)->key, ((const struct log_field *)b)->key);
}

// The value on top, which stays, becomes what its kind is in a log; other kinds become text.
static struct log_field make_field(lua_State *L, const char *key) {
  struct log_field f = {.key = key, .kind = LOG_STRING};
  switch (lua_type(L, -1)) {
  case LUA_TBOOLEAN:
    f.kind = LOG_BOOLEAN;
    f.integer = lua_toboolean(L, -1);
    return f;
  case LUA_TNUMBER:
    f.kind = lua_isinteger(L, -1) ? LOG_INTEGER : LOG_NUMBER;
    f.integer = lua_tointeger(L, -1);
    f.number = lua_tonumber(L, -1);
    return f;
  default: f.string = luaL_tolstring(L, -1, &f.length); return f;
  }
}

// Reads the table at index 2. The texts stay on the stack while they are needed.
static size_t read_fields(lua_State *L, const char *what, struct log_field *fields) {
  if (lua_isnoneornil(L, 2)) return 0;
  if (!lua_istable(L, 2))
    args_error(L, "%s: the fields must be a table, got %s", what, args_describe(L, 2));
  luaL_checkstack(L, 2 * FIELDS_MAX + 4, NULL);
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      args_error(L, "%s: fields have names, got the key %s", what, args_describe(L, -2));
    if (count == FIELDS_MAX) args_error(L, "%s: more than %d fields", what, FIELDS_MAX);
    int top = lua_gettop(L);
    fields[count] = make_field(L, lua_tostring(L, -2));
    count++;
    // Below the key for lua_next: the value, or its text.
    if (lua_gettop(L) > top) lua_remove(L, -2);
    lua_insert(L, -2);
  }
  qsort(fields, count, sizeof fields[0], compare_keys);
  return count;
}

static int write_entry(lua_State *L) {
  enum log_level level = (enum log_level)lua_tointeger(L, lua_upvalueindex(1));
  const char *what = lua_tostring(L, lua_upvalueindex(2));
  struct log_field fields[FIELDS_MAX];
  if (lua_isnone(L, 1)) return args_error(L, "%s: expected a message", what);
  lua_settop(L, 2);
  size_t count = read_fields(L, what, fields);
  if (!log_enabled(level)) return 0;
  size_t length;
  const char *message = luaL_tolstring(L, 1, &length);
  log_write(level, message, length, fields, count);
  return 0;
}

void lib_log_open(lua_State *L) {
  static const char *const LEVELS[] = {
      [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
  lua_newtable(L);
  for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
    lua_pushinteger(L, level);
    lua_pushfstring(L, "luaws.log.%s", LEVELS[level]);
    lua_pushcclosure(L, write_entry, 2);
    lua_setfield(L, -2, LEVELS[level]);
  }
  lua_setfield(L, -2, "log");
}
