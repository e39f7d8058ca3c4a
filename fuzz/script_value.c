// Fuzzes JSON from the Lua side: a value is made of the input, with all that is no JSON among it.
// Whether it can be encoded is found out plainly; if it can, decoding must give it back, and if
// not, nothing may have been written.

#include <assert.h>
#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "script/json.h"
#include "support/input.h"
#include "support/plain.h"
#include "support/values.h"

#define DEPTH_MAX 140 // a little deeper than may be

static lua_State *L;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void push_value(struct input *in, unsigned depth);

static uint64_t read_bits(struct input *in) {
  uint64_t high = input_word(in);
  return high << 32 | input_word(in);
}

static void push_real(struct input *in) {
  uint64_t bits = read_bits(in);
  double value;
  memcpy(&value, &bits, sizeof value);
  lua_pushnumber(L, value);
}

static void push_string(struct input *in) {
  struct input text = input_take(in, input_byte(in) & 63);
  lua_pushlstring(L, (const char *)text.p, text.n);
}

static void push_key(struct input *in) {
  uint8_t choice = input_byte(in);
  switch (choice & 7) {
  case 0: lua_pushboolean(L, true); break;
  case 1: lua_pushnumber(L, choice + 0.5); break;
  case 2:
  case 3: lua_pushinteger(L, choice >> 3); break;
  default: push_string(in); break;
  }
}

enum keys { KEYS_ARRAY, KEYS_STRINGS, KEYS_ANY };

static void push_table(struct input *in, unsigned depth, enum keys keys) {
  lua_newtable(L);
  int count = input_byte(in) & 15;
  for (int i = 1; i <= count && in->n > 0; i++) {
    if (keys == KEYS_ARRAY) lua_pushinteger(L, i);
    if (keys == KEYS_STRINGS) push_string(in);
    if (keys == KEYS_ANY) push_key(in);
    push_value(in, depth + 1);
    lua_rawset(L, -3);
  }
}

static void push_nested(struct input *in, unsigned depth) {
  unsigned levels = input_byte(in) % DEPTH_MAX;
  push_value(in, depth + levels);
  for (; levels > 0; levels--) {
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
  }
}

static int do_nothing(lua_State *unused) {
  (void)unused;
  return 0;
}

static void push_cycle(void) {
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -2, 1);
}

static void push_value(struct input *in, unsigned depth) {
  luaL_checkstack(L, 8, "value");
  uint8_t choice = input_byte(in);
  if (depth > DEPTH_MAX) choice &= 3;
  switch (choice & 15) {
  case 0: json_push_null(L); break;
  case 1: lua_pushboolean(L, choice >> 4 & 1); break;
  case 2: lua_pushinteger(L, choice >> 4); break;
  case 3: push_string(in); break;
  case 4: lua_pushinteger(L, (lua_Integer)read_bits(in)); break;
  case 5: push_real(in); break;
  case 6:
    push_string(in);
    json_push_blob(L, -1);
    lua_remove(L, -2);
    break;
  case 7: lua_pushcfunction(L, do_nothing); break;
  case 8:
  case 9: push_table(in, depth, KEYS_ARRAY); break;
  case 10:
    push_table(in, depth, KEYS_ARRAY);
    json_mark_array(L);
    break;
  case 11:
  case 12: push_table(in, depth, KEYS_STRINGS); break;
  case 13: push_table(in, depth, KEYS_ANY); break;
  case 14: push_nested(in, depth); break;
  default: push_cycle(); break;
  }
}

static bool is_json(int index, unsigned depth);

static bool is_text(int index) {
  size_t n;
  bool is_complete;
  const uint8_t *p = (const uint8_t *)lua_tolstring(L, index, &n);
  return plain_utf8(p, n, &is_complete) == n && is_complete;
}

// Strings, or 1 to n; an array may not have strings.
static bool is_json_table(int table, unsigned depth) {
  if (depth == JSON_DEPTH_MAX) return false;
  lua_Integer count = (lua_Integer)values_count(L, table), strings = 0;
  bool is_good = true;
  for (lua_pushnil(L); is_good && lua_next(L, table); lua_pop(L, 1)) {
    bool is_string = lua_type(L, -2) == LUA_TSTRING;
    bool is_index =
        lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= count;
    strings += is_string;
    is_good = (is_string ? is_text(-2) : is_index) && is_json(lua_gettop(L), depth + 1);
  }
  if (strings > 0 && json_is_array(L, table)) return false;
  return is_good && (strings == 0 || strings == count);
}

static bool is_json(int index, unsigned depth) {
  luaL_checkstack(L, 8, "value");
  int top = lua_gettop(L);
  bool is_good = true;
  switch (lua_type(L, index)) {
  case LUA_TNUMBER: is_good = lua_isinteger(L, index) || isfinite(lua_tonumber(L, index)); break;
  case LUA_TSTRING: is_good = is_text(index); break;
  case LUA_TTABLE: is_good = is_json_table(index, depth); break;
  case LUA_TBOOLEAN: break;
  default: json_push_null(L); is_good = lua_rawequal(L, index, -1);
  }
  lua_settop(L, top);
  return is_good;
}

// What is no JSON leaves `out` alone and says why, and where; so does what is too long.
static void check_refusal(int expected, size_t max) {
  struct buf out;
  buf_init(&out, max);
  int result = buf_append_str(&out, "x");
  assert(result == 0);
  result = json_encode(L, 1, &out);
  assert(result == expected && lua_gettop(L) == 2 && lua_type(L, 2) == LUA_TSTRING);
  assert(out.len == 1 && out.data[0] == 'x' && out.cap <= max);
  lua_pop(L, 1);
  buf_deinit(&out);
}

// Encodes and decodes it; and again with a ceiling that is too low.
static void check_round_trip(size_t ceiling) {
  struct buf text;
  buf_init(&text, SIZE_MAX);
  int result = json_encode(L, 1, &text);
  assert(result == 0 && lua_gettop(L) == 1 && text.len > 0);
  result = json_decode(L, text.data, text.len);
  assert(result == 1 && lua_gettop(L) == 2 && values_equal(L, 1, 2, false));
  lua_settop(L, 1);
  check_refusal(ERR_TOO_BIG, 1 + ceiling % text.len);
  buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!L) L = values_open();
  struct input in = {data, size};
  push_value(&in, 0);
  if (is_json(1, 0))
    check_round_trip(size);
  else
    check_refusal(ERR_INVALID, SIZE_MAX);
  values_drop(L);
  return 0;
}
