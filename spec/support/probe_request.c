// src/script/request for specs: makes the event that a reactor would have sent.

#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "probe.h"
#include "script/request.h"

#define EVENT "probe.request.event"

// The event that is being put together, and the pattern; freed by __gc.
struct maker {
  struct buf bytes;
  struct http_pattern *pattern;
};

static int free_maker(lua_State *L) {
  struct maker *m = lua_touserdata(L, 1);
  buf_deinit(&m->bytes);
  http_pattern_free(m->pattern);
  return 0;
}

static struct event_request *request_of(struct maker *m) {
  return (struct event_request *)m->bytes.data;
}

// Appends the string at the top of the stack, which it pops; nil counts as "".
static struct event_slice add_text(lua_State *L, struct maker *m) {
  size_t length = 0;
  const char *text = luaL_optlstring(L, -1, "", &length);
  struct event_slice slice = {(uint32_t)m->bytes.len, (uint32_t)length};
  luaL_argcheck(L, buf_append(&m->bytes, text, length) == 0, 1, "too large");
  lua_pop(L, 1);
  return slice;
}

static struct event_slice add_field(lua_State *L, struct maker *m, const char *name) {
  lua_getfield(L, 1, name);
  return add_text(L, m);
}

// The `count` pairs of the field `name`, from the slot `first` on.
static void add_pairs(lua_State *L, struct maker *m, const char *list, uint32_t first,
                      uint32_t count) {
  lua_getfield(L, 1, list);
  for (uint32_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    lua_rawgeti(L, -1, 1);
    struct event_slice name = add_text(L, m);
    lua_rawgeti(L, -1, 2);
    struct event_slice value = add_text(L, m);
    lua_pop(L, 1);
    request_of(m)->headers[first + i] = (struct event_header){name, value};
  }
  lua_pop(L, 1);
}

static void add_pattern(lua_State *L, struct maker *m) {
  const char *why = NULL;
  if (lua_getfield(L, 1, "pattern") != LUA_TNIL) {
    m->pattern = http_pattern_new(span_of(luaL_checkstring(L, -1)), &why);
    if (!m->pattern) luaL_error(L, "the pattern %s", why);
  }
  lua_pop(L, 1);
}

static uint32_t count_pairs(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  uint32_t count = lua_isnil(L, -1) ? 0 : (uint32_t)lua_rawlen(L, -1);
  lua_pop(L, 1);
  return count;
}

// push{ method =, target =, address =, port =, secure =, body =, pattern =, withBody =,
//       headers = { { name, value }, ... }, certificate = { the same } } -> the request table
static int push(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct maker *m = lua_newuserdatauv(L, sizeof *m, 0);
  *m = (struct maker){.bytes = {.max = 16 << 20}};
  luaL_setmetatable(L, EVENT);
  uint32_t headers = count_pairs(L, "headers"), facts = count_pairs(L, "certificate");
  size_t size = sizeof(struct event_request) + (headers + facts) * sizeof(struct event_header);
  memset(buf_reserve(&m->bytes, size), 0, size);
  m->bytes.len = size;
  request_of(m)->header_count = headers;
  request_of(m)->certificate_count = facts;
  struct event_slice method = add_field(L, m, "method"), target = add_field(L, m, "target");
  struct event_slice address = add_field(L, m, "address"), body = add_field(L, m, "body");
  add_pairs(L, m, "headers", 0, headers);
  add_pairs(L, m, "certificate", headers, facts);
  add_pattern(L, m);
  struct event_request *r = request_of(m);
  r->method = method;
  r->target = target;
  r->address = address;
  r->body = body;
  lua_getfield(L, 1, "port");
  r->port = (uint16_t)lua_tointeger(L, -1);
  lua_getfield(L, 1, "secure");
  r->secure = lua_toboolean(L, -1);
  lua_getfield(L, 1, "withBody");
  request_push(L, r, m->pattern, lua_toboolean(L, -1));
  return 1;
}

int probe_open_request(lua_State *L) {
  static const luaL_Reg functions[] = {{"push", push}, {NULL, NULL}};
  request_open(L);
  luaL_newmetatable(L, EVENT);
  lua_pushcfunction(L, free_maker);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
