// Headers out of Lua tables, checked. Runs in the Lua thread.

#include "script/headers.h"

#include <lauxlib.h>
#include "http/header.h"
#include "script/args.h"

static struct span get_string(lua_State *L, int index) {
  struct span s;
  s.p = lua_tolstring(L, index, &s.n);
  return s;
}

// The name is at index -2, the value at -1.
static void read_one(lua_State *L, struct headers_reader *r) {
  struct span name = get_string(L, -2), value = {NULL, 0};
  lua_pushvalue(L, -1); // a number is converted as a copy
  if (lua_isstring(L, -1)) value = get_string(L, -1);
  if (!value.p)
    r->fail(L, "%s: header '%s' must be a string or an array of strings, got %s", r->what, name.p,
            args_describe(L, -2));
  if (!http_header_value_is_valid(value))
    r->fail(L, "%s: header '%s' has a line break or another control character in it", r->what,
            name.p);
  r->size += name.n + value.n;
  if (r->size > HEADERS_MAX)
    r->fail(L, "%s: the headers are larger than %d bytes", r->what, (int)HEADERS_MAX);
  r->add(r->context, name, value);
  lua_pop(L, 1);
}

static void read_name(lua_State *L, struct headers_reader *r) {
  if (lua_type(L, -2) != LUA_TSTRING)
    r->fail(L, "%s: headers have names, got the key %s", r->what, args_describe(L, -2));
  struct span name = get_string(L, -2);
  if (!http_header_name_is_valid(name)) r->fail(L, "%s: '%s' is no header name", r->what, name.p);
  if (r->is_reserved(name)) r->fail(L, "%s: header '%s' is luaws's own business", r->what, name.p);
}

static void read_values(lua_State *L, struct headers_reader *r) {
  if (!lua_istable(L, -1)) {
    read_one(L, r);
    return;
  }
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_pushvalue(L, -2);
    lua_rawgeti(L, -2, i);
    read_one(L, r);
    lua_pop(L, 2);
  }
}

void headers_read(lua_State *L, int index, struct headers_reader *r) {
  index = lua_absindex(L, index);
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index))
    r->fail(L, "%s: headers must be a table, got %s", r->what, args_describe(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    read_name(L, r);
    read_values(L, r);
  }
}
