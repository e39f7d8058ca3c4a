// What JSON needs on the Lua side: luaws.json, and the values that Lua has no word for: null, an
// empty array, and text that isn't text (a blob). json_read.c and json_write.c do the work.

#include "script/json.h"

#include <lauxlib.h>
#include "script/args.h"

enum {
  TEXT_MAX = 256 << 20, // what encode makes at most
  KEPT_MAX = 64 << 10,  // what encode's buffer keeps between two calls
};

// Their addresses are keys of the registry.
static const char NULL_KEY, ARRAY_KEY, BLOB_KEY;

static int null_tostring(lua_State *L);
static int array_new(lua_State *L);
static int blob_new(lua_State *L);
static int blob_length(lua_State *L);
static int blob_tostring(lua_State *L);
static int blob_concat(lua_State *L);
static int blob_equal(lua_State *L);
static int encode(lua_State *L);
static int decode(lua_State *L);
static int free_scratch(lua_State *L);

static void open_null(lua_State *L) {
  static const luaL_Reg methods[] = {{"__tostring", null_tostring}, {NULL, NULL}};
  lua_newuserdatauv(L, 0, 0);
  luaL_newlib(L, methods);
  lua_pushliteral(L, "null");
  lua_setfield(L, -2, "__name");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
}

static void open_array(lua_State *L) {
  lua_newtable(L);
  lua_pushliteral(L, "array");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ARRAY_KEY);
}

static void open_blob(lua_State *L) {
  static const luaL_Reg methods[] = {{"__len", blob_length},
                                     {"__tostring", blob_tostring},
                                     {"__concat", blob_concat},
                                     {"__eq", blob_equal},
                                     {NULL, NULL}};
  luaL_newlib(L, methods);
  lua_pushliteral(L, "blob");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &BLOB_KEY);
}

// Pushes encode with its upvalue: the buffer that it fills, which outlives errors.
static void push_encode(lua_State *L) {
  struct buf *scratch = lua_newuserdatauv(L, sizeof *scratch, 0);
  buf_init(scratch, TEXT_MAX);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, free_scratch);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushcclosure(L, encode, 1);
}

void json_open(lua_State *L) {
  open_array(L);
  open_blob(L);
  open_null(L);
  lua_setfield(L, -2, "null");
  lua_pushcfunction(L, array_new);
  lua_setfield(L, -2, "array");
  lua_pushcfunction(L, blob_new);
  lua_setfield(L, -2, "blob");
  lua_createtable(L, 0, 2);
  push_encode(L);
  lua_setfield(L, -2, "encode");
  lua_pushcfunction(L, decode);
  lua_setfield(L, -2, "decode");
  lua_setfield(L, -2, "json");
}

// Whether the metatable of the value at `index` is the one kept under `key`.
static bool has_metatable(lua_State *L, int index, const char *key) {
  if (!lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  bool is_same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_same;
}

void json_push_null(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
}

void json_mark_array(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ARRAY_KEY);
  lua_setmetatable(L, -2);
}

bool json_is_array(lua_State *L, int index) {
  return lua_istable(L, index) && has_metatable(L, index, &ARRAY_KEY);
}

void json_push_blob(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_newuserdatauv(L, 0, 1);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &BLOB_KEY);
  lua_setmetatable(L, -2);
}

const char *json_to_blob(lua_State *L, int index, size_t *length) {
  if (lua_type(L, index) != LUA_TUSERDATA || !has_metatable(L, index, &BLOB_KEY)) return NULL;
  lua_getiuservalue(L, index, 1);
  const char *bytes = lua_tolstring(L, -1, length);
  lua_pop(L, 1);
  return bytes;
}

static int null_tostring(lua_State *L) {
  lua_pushliteral(L, "null");
  return 1;
}

// luaws.array([t])
static int array_new(lua_State *L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
  } else if (!lua_istable(L, 1)) {
    return args_error(L, "luaws.array: must be a table, got %s", args_describe(L, 1));
  } else if (lua_getmetatable(L, 1)) {
    lua_pop(L, 1);
    if (!json_is_array(L, 1)) return args_error(L, "luaws.array: the table has a metatable");
  }
  json_mark_array(L);
  return 1;
}

// luaws.blob(bytes)
static int blob_new(lua_State *L) {
  lua_settop(L, 1);
  if (json_to_blob(L, 1, NULL)) return 1;
  if (lua_type(L, 1) != LUA_TSTRING)
    return args_error(L, "luaws.blob: must be a string, got %s", args_describe(L, 1));
  json_push_blob(L, 1);
  return 1;
}

// Replaces the blob at `index` by its bytes; leaves anything else alone.
static bool unwrap(lua_State *L, int index) {
  if (!json_to_blob(L, index, NULL)) return false;
  lua_getiuservalue(L, index, 1);
  lua_replace(L, index);
  return true;
}

static int blob_length(lua_State *L) {
  size_t length = 0;
  json_to_blob(L, 1, &length);
  lua_pushinteger(L, (lua_Integer)length);
  return 1;
}

static int blob_tostring(lua_State *L) {
  lua_settop(L, 1);
  if (!unwrap(L, 1)) return args_error(L, "not a blob: %s", args_describe(L, 1));
  return 1;
}

// The bytes of both, as a string.
static int blob_concat(lua_State *L) {
  lua_settop(L, 2);
  for (int i = 1; i <= 2; i++) {
    if (json_to_blob(L, i, NULL) || lua_isstring(L, i)) continue;
    const char *left = args_describe(L, 1), *right = args_describe(L, 2);
    return args_error(L, "attempt to concatenate %s and %s", left, right);
  }
  unwrap(L, 1);
  unwrap(L, 2);
  lua_concat(L, 2);
  return 1;
}

static int blob_equal(lua_State *L) {
  lua_settop(L, 2);
  lua_pushboolean(L, unwrap(L, 1) && unwrap(L, 2) && lua_rawequal(L, 1, 2));
  return 1;
}

// luaws.json.encode(value): raises for what is no JSON, like any misuse.
static int encode(lua_State *L) {
  struct buf *text = lua_touserdata(L, lua_upvalueindex(1));
  lua_settop(L, 1);
  text->len = 0;
  if (json_encode(L, 1, text) != 0)
    return args_error(L, "luaws.json.encode: %s", lua_tostring(L, -1));
  lua_pushlstring(L, text->data, text->len);
  if (text->cap > KEPT_MAX) buf_deinit(text);
  return 1;
}

// luaws.json.decode(text): text comes from elsewhere, so that what is no JSON is a failure, not
// misuse: nil and what is wrong.
static int decode(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING)
    return args_error(L, "luaws.json.decode: must be a string, got %s", args_describe(L, 1));
  size_t length;
  const char *text = lua_tolstring(L, 1, &length);
  if (json_decode(L, text, length)) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static int free_scratch(lua_State *L) {
  buf_deinit(lua_touserdata(L, 1));
  return 0;
}
