// The copier. Both ways recurse once a level of nesting and no deeper than COPY_DEPTH_MAX. The
// bytes stay within the process: they are trusted. Runs in the Lua thread.

#include "script/copy.h"

#include <assert.h>
#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "script/args.h"
#include "script/json.h"

// What a value begins with. Numbers follow as they lie in memory; a string's length and bytes; a
// table's struct table_head, then its keys and values.
enum tag { NIL, FALSE, TRUE, INTEGER, REAL, STRING, BLOB, NULL_VALUE, TABLE, ARRAY, AGAIN };

enum {
  STEPS_SHOWN = 8, // of the way to what can't be copied
  KEY_SHOWN = 32,  // bytes
};

struct head {
  uint32_t count;      // values
  uint32_t has_shared; // some are AGAIN
};

struct table_head {
  uint32_t pairs;
  uint32_t elements; // of these, what may lie in the array part
};

struct encoder {
  lua_State *L;
  struct buf *out;
  const char *what;
  int value; // which of the values is being written
  int seen;  // index of a table: the tables so far, by address; 0: there are none
  uint32_t tables;
  bool has_shared;
  unsigned depth;           // tables that are open
  int keys[COPY_DEPTH_MAX]; // where the key lies that leads on from each
  int error;
};

static int write_value(struct encoder *e, int index);

// Failures ----------------------------------------------------------------------------------------

static bool is_name(const char *text, size_t length) {
  if (length == 0 || length > KEY_SHOWN || isdigit((unsigned char)text[0])) return false;
  for (size_t i = 0; i < length; i++)
    if (!isalnum((unsigned char)text[i]) && text[i] != '_') return false;
  return true;
}

static void add_step(lua_State *L, luaL_Buffer *path, int key) {
  size_t length;
  bool is_string = lua_type(L, key) == LUA_TSTRING;
  const char *text = is_string ? lua_tolstring(L, key, &length) : NULL;
  if (is_string && is_name(text, length)) {
    luaL_addchar(path, '.');
    luaL_addlstring(path, text, length);
    return;
  }
  luaL_addchar(path, '[');
  if (lua_isinteger(L, key)) {
    lua_pushfstring(L, "%I", (LUAI_UACINT)lua_tointeger(L, key));
    luaL_addvalue(path);
  } else {
    args_describe(L, key);
    luaL_addvalue(path);
  }
  luaL_addchar(path, ']');
}

// Pushes "argument 2.callbacks[3] <complaint>".
static int fail(struct encoder *e, int error, const char *complaint) {
  lua_State *L = e->L;
  if (e->error) return e->error;
  e->error = error;
  luaL_Buffer path;
  luaL_buffinit(L, &path);
  lua_pushfstring(L, "%s %d", e->what, e->value);
  luaL_addvalue(&path);
  for (unsigned i = 0; i < e->depth && i < STEPS_SHOWN; i++)
    add_step(L, &path, e->keys[i]);
  if (e->depth > STEPS_SHOWN) luaL_addstring(&path, "...");
  luaL_addchar(&path, ' ');
  luaL_addstring(&path, complaint);
  luaL_pushresult(&path);
  return error;
}

static int fail_size(struct encoder *e) {
  char text[64];
  snprintf(text, sizeof text, "makes it larger than %zu MiB", e->out->max >> 20);
  return fail(e, ERR_TOO_BIG, text);
}

static int fail_kind(struct encoder *e, int index) {
  char text[96];
  const char *kind = args_describe(e->L, index);
  snprintf(text, sizeof text, "is a %.40s, which can't be copied to another worker", kind);
  return fail(e, ERR_INVALID, text);
}

// Writing -----------------------------------------------------------------------------------------

static int put(struct encoder *e, const void *p, size_t n) {
  return buf_append(e->out, p, n) == 0 ? 0 : fail_size(e);
}

static int put_tagged(struct encoder *e, enum tag tag, const void *p, size_t n) {
  char *to = buf_reserve(e->out, 1 + n);
  if (!to) return fail_size(e);
  to[0] = (char)tag;
  if (n > 0) memcpy(to + 1, p, n);
  e->out->len += 1 + n;
  return 0;
}

static int put_text(struct encoder *e, enum tag tag, const char *text, size_t length) {
  uint32_t size = (uint32_t)length;
  if (length > e->out->max) return fail_size(e);
  int result = put_tagged(e, tag, &size, sizeof size);
  return result == 0 ? put(e, text, length) : result;
}

static int write_number(struct encoder *e, int index) {
  if (lua_isinteger(e->L, index)) {
    lua_Integer n = lua_tointeger(e->L, index);
    return put_tagged(e, INTEGER, &n, sizeof n);
  }
  lua_Number n = lua_tonumber(e->L, index);
  return put_tagged(e, REAL, &n, sizeof n);
}

static int write_userdata(struct encoder *e, int index) {
  size_t length;
  const char *bytes = json_to_blob(e->L, index, &length);
  if (bytes) return put_text(e, BLOB, bytes, length);
  json_push_null(e->L);
  bool is_null = lua_rawequal(e->L, -1, index);
  lua_pop(e->L, 1);
  return is_null ? put_tagged(e, NULL_VALUE, NULL, 0) : fail_kind(e, index);
}

// Its number, from 1 on; 0: this is the first time, and it has one now.
static uint32_t find_number(struct encoder *e, int index) {
  lua_State *L = e->L;
  const void *address = lua_topointer(L, index);
  if (lua_rawgetp(L, e->seen, address) == LUA_TNUMBER) {
    uint32_t number = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return number;
  }
  lua_pop(L, 1);
  lua_pushinteger(L, (lua_Integer)++e->tables);
  lua_rawsetp(L, e->seen, address);
  return 0;
}

// The value on top and the key below it.
static int write_pair(struct encoder *e, int top) {
  int type = lua_type(e->L, top - 1);
  bool is_plain = type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING;
  e->keys[e->depth - 1] = top - 1;
  if (!is_plain) {
    e->depth--;
    return fail(e, ERR_INVALID,
                "has a key that is no string, number or boolean, which can't be copied");
  }
  int result = write_value(e, top - 1);
  return result == 0 ? write_value(e, top) : result;
}

static int write_pairs(struct encoder *e, int index) {
  lua_State *L = e->L;
  size_t at = e->out->len;
  struct table_head head = {.elements = (uint32_t)lua_rawlen(L, index)};
  int result = put(e, &head, sizeof head);
  int top = lua_gettop(L) + 2;
  for (lua_pushnil(L); result == 0 && lua_next(L, index); lua_settop(L, top - 1)) {
    result = write_pair(e, top);
    if (result != 0) return result;
    head.pairs++;
  }
  if (result == 0) memcpy(e->out->data + at, &head, sizeof head);
  return result;
}

static int write_table(struct encoder *e, int index) {
  uint32_t number = find_number(e, index);
  if (number > 0) {
    e->has_shared = true;
    return put_tagged(e, AGAIN, &number, sizeof number);
  }
  if (e->depth == COPY_DEPTH_MAX)
    return fail(e, ERR_INVALID, "lies too deep: tables may lie in each other 128 times");
  if (!lua_checkstack(e->L, 8)) return fail(e, ERR_TOO_BIG, "lies too deep for the stack");
  int result = put_tagged(e, json_is_array(e->L, index) ? ARRAY : TABLE, NULL, 0);
  if (result != 0) return result;
  e->depth++;
  result = write_pairs(e, index);
  if (result == 0) e->depth--;
  return result;
}

static int write_value(struct encoder *e, int index) {
  lua_State *L = e->L;
  size_t length;
  switch (lua_type(L, index)) {
  case LUA_TNIL: return put_tagged(e, NIL, NULL, 0);
  case LUA_TBOOLEAN: return put_tagged(e, lua_toboolean(L, index) ? TRUE : FALSE, NULL, 0);
  case LUA_TNUMBER: return write_number(e, index);
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, index, &length);
    return put_text(e, STRING, text, length);
  }
  case LUA_TTABLE: return write_table(e, index);
  case LUA_TUSERDATA: return write_userdata(e, index);
  default: return fail_kind(e, index);
  }
}

int copy_encode(lua_State *L, int first, int count, const char *what, struct buf *out) {
  luaL_checkstack(L, LUA_MINSTACK, "copying");
  first = lua_absindex(L, first);
  int top = lua_gettop(L);
  size_t start = out->len;
  struct head head = {.count = (uint32_t)count};
  struct encoder e = {.L = L, .out = out, .what = what};
  lua_newtable(L);
  e.seen = top + 1;
  int result = put(&e, &head, sizeof head);
  for (int i = 0; i < count && result == 0; i++) {
    e.value = i + 1;
    result = write_value(&e, first + i);
  }
  if (result != 0) {
    out->len = start;
    lua_replace(L, top + 1); // the message
    lua_settop(L, top + 1);
    return result;
  }
  head.has_shared = e.has_shared;
  memcpy(out->data + start, &head, sizeof head);
  lua_settop(L, top);
  return 0;
}

// Reading -----------------------------------------------------------------------------------------

struct decoder {
  lua_State *L;
  const char *at;
  int made; // index of an array: the tables so far; 0: none will come again
  lua_Integer tables;
};

static void take(struct decoder *d, void *to, size_t size) {
  memcpy(to, d->at, size);
  d->at += size;
}

static void push_text(struct decoder *d) {
  uint32_t length;
  take(d, &length, sizeof length);
  lua_pushlstring(d->L, d->at, length);
  d->at += length;
}

static void read_value(struct decoder *d);

static void read_table(struct decoder *d, bool is_array) {
  lua_State *L = d->L;
  struct table_head head;
  take(d, &head, sizeof head);
  luaL_checkstack(L, 8, "copying");
  uint32_t elements = head.elements < head.pairs ? head.elements : head.pairs;
  lua_createtable(L, (int)elements, (int)(head.pairs - elements));
  if (d->made) {
    lua_pushvalue(L, -1);
    lua_rawseti(L, d->made, ++d->tables);
  }
  for (uint32_t i = 0; i < head.pairs; i++) {
    read_value(d);
    read_value(d);
    lua_rawset(L, -3);
  }
  if (is_array) json_mark_array(L);
}

static void read_integer(struct decoder *d) {
  lua_Integer n;
  take(d, &n, sizeof n);
  lua_pushinteger(d->L, n);
}

static void read_real(struct decoder *d) {
  lua_Number n;
  take(d, &n, sizeof n);
  lua_pushnumber(d->L, n);
}

static void read_again(struct decoder *d) {
  uint32_t number;
  take(d, &number, sizeof number);
  lua_rawgeti(d->L, d->made, number);
}

static void read_value(struct decoder *d) {
  lua_State *L = d->L;
  switch ((enum tag) * d->at++) {
  case NIL: lua_pushnil(L); return;
  case FALSE: lua_pushboolean(L, 0); return;
  case TRUE: lua_pushboolean(L, 1); return;
  case INTEGER: read_integer(d); return;
  case REAL: read_real(d); return;
  case STRING: push_text(d); return;
  case BLOB:
    push_text(d);
    json_push_blob(L, -1);
    lua_remove(L, -2);
    return;
  case NULL_VALUE: json_push_null(L); return;
  case TABLE: read_table(d, false); return;
  case ARRAY: read_table(d, true); return;
  case AGAIN: read_again(d); return;
  }
}

int copy_decode(lua_State *L, const char *data, size_t length) {
  struct head head;
  struct decoder d = {.L = L, .at = data};
  take(&d, &head, sizeof head);
  luaL_checkstack(L, (int)head.count + LUA_MINSTACK, "too many values");
  int top = lua_gettop(L);
  if (head.has_shared) {
    lua_newtable(L);
    d.made = top + 1;
  }
  for (uint32_t i = 0; i < head.count; i++)
    read_value(&d);
  assert(d.at == data + length);
  if (d.made) lua_remove(L, d.made);
  return (int)head.count;
}
