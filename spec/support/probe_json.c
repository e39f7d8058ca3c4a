// src/script/json for specs: what json_open registers (json, null, array, blob), as a script sees
// it, and json_encode into a buffer with a ceiling.

#include <lauxlib.h>
#include <string.h>
#include "probe.h"
#include "script/json.h"

// encodeInto(before, max, value) -> result, text of the buffer; or result, text, message
static int encode_into(lua_State *L) {
  size_t length;
  const char *before = luaL_checklstring(L, 1, &length);
  struct buf out;
  buf_init(&out, (size_t)luaL_checkinteger(L, 2));
  luaL_argcheck(L, buf_append(&out, before, length) == 0, 1, "longer than the ceiling");
  lua_settop(L, 3);
  int result = json_encode(L, 3, &out);
  int top = lua_gettop(L);
  lua_pushinteger(L, result);
  lua_pushlstring(L, out.data ? out.data : "", out.len);
  buf_deinit(&out);
  luaL_argcheck(L, top == (result == 0 ? 3 : 4), 3, "the stack is not as promised");
  if (result == 0) return 2;
  lua_pushvalue(L, 4);
  return 3;
}

// decodeExactly(text) -> value, or nil, message: from a block of exactly that size, so that
// AddressSanitizer sees a step beyond it.
static int decode_exactly(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  char *copy = lua_newuserdatauv(L, length, 0);
  if (length > 0) memcpy(copy, text, length);
  int top = lua_gettop(L);
  bool is_json = json_decode(L, copy, length);
  luaL_argcheck(L, lua_gettop(L) == top + 1, 1, "the stack is not as promised");
  if (is_json) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

// bytesOf(blob) -> string, or nil when it isn't a blob
static int bytes_of(lua_State *L) {
  size_t length;
  const char *bytes = json_to_blob(L, 1, &length);
  if (!bytes) return 0;
  lua_pushlstring(L, bytes, length);
  return 1;
}

int probe_open_json(lua_State *L) {
  static const luaL_Reg functions[] = {{"encodeInto", encode_into},
                                       {"decodeExactly", decode_exactly},
                                       {"bytesOf", bytes_of},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  json_open(L);
  return 1;
}
