// json_decode and json_encode: whatever is accepted comes back the same after encoding it, and its
// text doesn't change any more.

#include <assert.h>
#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "script/json.h"

static lua_State *L;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_lua(void) {
  L = luaL_newstate();
  lua_newtable(L);
  json_open(L);
  lua_settop(L, 0);
}

static bool are_equal(int a, int b);

static size_t count_keys(int table) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
    count++;
  return count;
}

// Whether every key of the table at `a` has an equal value in that at `b`, which has no others.
static bool are_equal_tables(int a, int b) {
  if (json_is_array(L, a) != json_is_array(L, b) || count_keys(a) != count_keys(b)) return false;
  for (lua_pushnil(L); lua_next(L, a); lua_pop(L, 2)) {
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    if (!are_equal(lua_gettop(L) - 1, lua_gettop(L))) return false;
  }
  return true;
}

static bool are_equal(int a, int b) {
  luaL_checkstack(L, 8, "compare");
  if (lua_type(L, a) != lua_type(L, b) || lua_isinteger(L, a) != lua_isinteger(L, b)) return false;
  if (lua_type(L, a) == LUA_TNUMBER && !lua_isinteger(L, a))
    return lua_tonumber(L, a) == lua_tonumber(L, b) &&
           signbit(lua_tonumber(L, a)) == signbit(lua_tonumber(L, b));
  return lua_istable(L, a) ? are_equal_tables(a, b) : lua_rawequal(L, a, b);
}

static bool is_escaped(const char *message) {
  for (; *message; message++) {
    if ((unsigned char)*message < 0x20) return false;
  }
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!L) open_lua();
  lua_settop(L, 0);
  bool is_json = json_decode(L, (const char *)data, size);
  assert(lua_gettop(L) == 1);
  if (!is_json) {
    const char *message = lua_tostring(L, 1);
    assert(strncmp(message, "line ", 5) == 0 && is_escaped(message));
    return 0;
  }
  struct buf once, twice;
  buf_init(&once, 64 << 20);
  buf_init(&twice, 64 << 20);
  assert(json_encode(L, 1, &once) == 0 && lua_gettop(L) == 1);
  assert(json_decode(L, once.data, once.len) == 1 && lua_gettop(L) == 2);
  assert(are_equal(1, 2));
  // The order of keys is the table's, which may differ; the length may not.
  assert(json_encode(L, 2, &twice) == 0 && twice.len == once.len);
  buf_deinit(&once);
  buf_deinit(&twice);
  return 0;
}
