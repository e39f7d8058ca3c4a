// The writer. It recurses once a level of nesting and no deeper than JSON_DEPTH_MAX. The Lua stack
// holds the way to where it is: the value at `base`, a key, its value, a key in that, ...; when
// something is no JSON, the message reads its path from there.

#include "script/json.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include "script/json_number.h"
#include "script/json_text.h"
#include "ws/utf8.h"

enum { PATH_SHOWN = 8, KEY_SHOWN = 32 }; // steps, bytes

struct writer {
  lua_State *L;
  struct buf *out; // its length lags behind `to`
  char *to;        // where the next byte goes
  char *end;       // of what `out` has
  int base;
  unsigned depth; // tables that are open
  int error;      // when a function has returned false
  unsigned steps; // how many keys lead to what is wrong
  char message[96];
};

static void find_room(struct writer *w);
static bool reserve_more(struct writer *w, size_t n) __attribute__((noinline));
static bool write_value(struct writer *w);
static bool write_string(struct writer *w, int index, bool is_key);
static bool write_table(struct writer *w);
static void push_message(struct writer *w);

static bool fail(struct writer *w, unsigned steps, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct writer *w, unsigned steps, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(w->message, sizeof w->message, format, args);
  va_end(args);
  w->error = ERR_INVALID;
  w->steps = steps;
  return false;
}

// Room for `n` more bytes at w->to.
static inline bool reserve(struct writer *w, size_t n) {
  return (size_t)(w->end - w->to) >= n || reserve_more(w, n);
}

static inline bool put(struct writer *w, const char *p, size_t n) {
  if (!reserve(w, n)) return false;
  memcpy(w->to, p, n);
  w->to += n;
  return true;
}

static inline bool put_char(struct writer *w, char c) {
  if (!reserve(w, 1)) return false;
  *w->to++ = c;
  return true;
}

int json_encode(lua_State *L, int index, struct buf *out) {
  size_t start = out->len;
  luaL_checkstack(L, 4, "JSON");
  lua_pushvalue(L, index);
  struct writer w = {.L = L, .out = out, .base = lua_gettop(L)};
  if (out->data) find_room(&w);
  if (write_value(&w)) {
    out->len = (size_t)(w.to - out->data);
    lua_pop(L, 1);
    return 0;
  }
  out->len = start;
  push_message(&w);
  lua_replace(L, w.base);
  lua_settop(L, w.base);
  return w.error;
}

static void find_room(struct writer *w) {
  w->to = w->out->data + w->out->len;
  w->end = w->out->data + w->out->cap;
}

static bool reserve_more(struct writer *w, size_t n) {
  struct buf *out = w->out;
  out->len = (size_t)(w->to - out->data);
  bool is_there = buf_reserve(out, n) != NULL;
  if (is_there) {
    find_room(w);
    return true;
  }
  snprintf(w->message, sizeof w->message, "the JSON text would be larger than %zu bytes", out->max);
  w->error = ERR_TOO_BIG;
  w->steps = 0;
  return false;
}

static bool write_number(struct writer *w) {
  char text[JSON_NUMBER_SIZE];
  if (lua_isinteger(w->L, -1))
    return put(w, text, json_number_write_integer(text, lua_tointeger(w->L, -1)));
  double value = lua_tonumber(w->L, -1);
  if (isnan(value)) return fail(w, w->depth, "NaN is no JSON");
  if (isinf(value)) return fail(w, w->depth, "an infinite number is no JSON");
  return put(w, text, json_number_write_real(text, value));
}

static bool write_userdata(struct writer *w) {
  lua_State *L = w->L;
  json_push_null(L);
  bool is_null = lua_rawequal(L, -1, -2);
  lua_pop(L, 1);
  if (is_null) return put(w, "null", 4);
  const char *name = luaL_getmetafield(L, -1, "__name") == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  return fail(w, w->depth, "a %.40s is no JSON", name ? name : "userdata");
}

// The value at the top of the stack, which stays there.
static bool write_value(struct writer *w) {
  switch (lua_type(w->L, -1)) {
  case LUA_TNIL: return fail(w, w->depth, "nil is no JSON");
  case LUA_TBOOLEAN: return lua_toboolean(w->L, -1) ? put(w, "true", 4) : put(w, "false", 5);
  case LUA_TNUMBER: return write_number(w);
  case LUA_TSTRING: return write_string(w, -1, false);
  case LUA_TTABLE: return write_table(w);
  case LUA_TUSERDATA: return write_userdata(w);
  default: return fail(w, w->depth, "a %s is no JSON", luaL_typename(w->L, -1));
  }
}

static bool write_escape(struct writer *w, unsigned char c) {
  static const char SHORT[] = "btn?fr"; // from 0x08 on
  char text[8];
  size_t n;
  if (c == '"' || c == '\\')
    n = (size_t)snprintf(text, sizeof text, "\\%c", c);
  else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
    n = (size_t)snprintf(text, sizeof text, "\\%c", SHORT[c - 0x08]);
  else
    n = (size_t)snprintf(text, sizeof text, "\\u%04x", c);
  return put(w, text, n);
}

// Appends the rest of a string, whose next byte needs an escape.
static bool write_escaped(struct writer *w, const char *p, const char *limit, bool *high) {
  while (p < limit) {
    if (!write_escape(w, (unsigned char)*p)) return false;
    const char *plain = p + 1;
    p = json_text_skip_plain(plain, limit, high);
    if (!put(w, plain, (size_t)(p - plain))) return false;
  }
  return true;
}

static bool write_string(struct writer *w, int index, bool is_key) {
  size_t length;
  const char *p = lua_tolstring(w->L, index, &length), *limit = p + length;
  bool high = false;
  const char *stop = json_text_skip_plain(p, limit, &high);
  size_t plain = (size_t)(stop - p);
  if (!reserve(w, length + 2)) return false; // escapes only make it longer
  *w->to = '"';
  memcpy(w->to + 1, p, plain);
  w->to += 1 + plain;
  if (stop < limit && !write_escaped(w, stop, limit, &high)) return false;
  if (high && !ws_utf8_valid(p, length))
    return is_key ? fail(w, w->depth - 1, "a key with invalid UTF-8 is no JSON")
                  : fail(w, w->depth, "a string with invalid UTF-8 is no JSON");
  return put_char(w, '"');
}

// The functions from here to write_table find the table, a key and its value at the top of the
// stack; what is wrong with a key is told of the table.

static bool fail_key(struct writer *w) {
  lua_State *L = w->L;
  unsigned steps = w->depth - 1;
  switch (lua_type(L, -2)) {
  case LUA_TSTRING:
    return fail(w, steps, "an array with the key '%.40s' is no JSON", lua_tostring(L, -2));
  case LUA_TNUMBER:
    if (lua_isinteger(L, -2))
      return fail(w, steps, "a table with the key %" PRId64 " is neither array nor object",
                  (int64_t)lua_tointeger(L, -2));
    return fail(w, steps, "a table with the key %.14g is neither array nor object",
                lua_tonumber(L, -2));
  default: return fail(w, steps, "a key that is a %s is no JSON", luaL_typename(L, -2));
  }
}

static bool write_object(struct writer *w, int table) {
  lua_State *L = w->L;
  if (!put_char(w, '{')) return false;
  for (bool is_first = true;; is_first = false) {
    if (lua_type(L, -2) != LUA_TSTRING) return fail_key(w);
    if (!is_first && !put_char(w, ',')) return false;
    if (!write_string(w, -2, true) || !put_char(w, ':') || !write_value(w)) return false;
    lua_pop(L, 1);
    if (!lua_next(L, table)) break;
  }
  return put_char(w, '}');
}

// The keys from here on come in some other order: they must be `next` up to some n.
static bool count_rest(struct writer *w, int table, lua_Integer next, lua_Integer *count) {
  lua_State *L = w->L;
  lua_Integer n = next - 1, greatest = 0;
  do {
    if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1) return fail_key(w);
    if (lua_tointeger(L, -2) > greatest) greatest = lua_tointeger(L, -2);
    n++;
    lua_pop(L, 1);
  } while (lua_next(L, table));
  *count = n;
  if (greatest == n) return true;
  lua_Integer missing = next;
  while (lua_rawgeti(L, table, missing) != LUA_TNIL) {
    lua_pop(L, 1);
    missing++;
  }
  return fail(w, w->depth - 1, "an array with [%" PRId64 "] lacks [%" PRId64 "]", (int64_t)greatest,
              (int64_t)missing);
}

static bool write_rest(struct writer *w, int table, lua_Integer next) {
  lua_State *L = w->L;
  lua_Integer count;
  if (!count_rest(w, table, next, &count)) return false;
  for (lua_Integer i = next; i <= count; i++) {
    if (i > 1 && !put_char(w, ',')) return false;
    lua_pushinteger(L, i);
    lua_rawgeti(L, table, i);
    if (!write_value(w)) return false;
    lua_pop(L, 2);
  }
  return true;
}

// lua_next gives the array part in order, so one pass does for nearly every array.
static bool write_array(struct writer *w, int table) {
  lua_State *L = w->L;
  if (!put_char(w, '[')) return false;
  for (lua_Integer i = 1;; i++) {
    if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != i) {
      if (!write_rest(w, table, i)) return false;
      break;
    }
    if (i > 1 && !put_char(w, ',')) return false;
    if (!write_value(w)) return false;
    lua_pop(L, 1);
    if (!lua_next(L, table)) break;
  }
  return put_char(w, ']');
}

static bool write_table(struct writer *w) {
  lua_State *L = w->L;
  if (w->depth == JSON_DEPTH_MAX)
    return fail(w, w->depth, "nested deeper than %d levels (a cycle?)", JSON_DEPTH_MAX);
  luaL_checkstack(L, 6, "JSON");
  int table = lua_gettop(L);
  bool is_marked = json_is_array(L, table);
  lua_pushnil(L);
  if (!lua_next(L, table)) return is_marked ? put(w, "[]", 2) : put(w, "{}", 2);
  w->depth++;
  bool is_done =
      is_marked || lua_type(L, -2) == LUA_TNUMBER ? write_array(w, table) : write_object(w, table);
  if (is_done) w->depth--;
  return is_done;
}

static bool is_identifier(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return length > 0 && length <= KEY_SHOWN;
}

// Appends how Lua would write the step to the key at `index`.
static void add_step(lua_State *L, struct buf *path, int index) {
  if (lua_isinteger(L, index)) {
    buf_printf(path, "[%" PRId64 "]", (int64_t)lua_tointeger(L, index));
    return;
  }
  size_t length;
  const char *key = lua_tolstring(L, index, &length);
  if (is_identifier(key, length)) {
    buf_printf(path, ".%s", key);
    return;
  }
  char shown[KEY_SHOWN + 4] = "";
  size_t n = length < KEY_SHOWN ? length : KEY_SHOWN;
  for (size_t i = 0; i < n; i++)
    shown[i] = key[i] >= 0x20 && key[i] < 0x7f && key[i] != '"' ? key[i] : '?';
  buf_printf(path, "[\"%s%s\"]", shown, n < length ? "..." : "");
}

static void push_message(struct writer *w) {
  if (w->steps == 0) {
    lua_pushstring(w->L, w->message);
    return;
  }
  char text[PATH_SHOWN * (KEY_SHOWN + 16)];
  struct buf path = {.data = text, .cap = sizeof text, .max = sizeof text};
  for (unsigned i = 0; i < w->steps && i < PATH_SHOWN; i++)
    add_step(w->L, &path, w->base + 1 + 2 * (int)i);
  lua_pushlstring(w->L, text, path.len);
  lua_pushfstring(w->L, "at %s%s: %s", lua_tostring(w->L, -1), w->steps > PATH_SHOWN ? "..." : "",
                  w->message);
}
