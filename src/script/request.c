// Makes Lua values out of a request. Text that is to be decoded goes into memory of Lua's own,
// which never needs more than the encoded text: nothing leaks when Lua runs out of memory. Worker's
// thread.

#include "script/request.h"

#include <lauxlib.h>
#include "http/request.h"
#include "http/token.h"
#include "http/url.h"
#include "script/json.h"

// Its address is a key of the registry.
static const char HEADERS_KEY;

static int find_header(lua_State *L);
static void push_headers(lua_State *L, const struct event_request *r);
static void push_query(lua_State *L, struct span query);
static void push_protocols(lua_State *L, const struct event_request *r);
static void push_certificate(lua_State *L, const struct event_request *r);

static void set_string(lua_State *L, const char *name, struct span value) {
  lua_pushlstring(L, value.p, value.n);
  lua_setfield(L, -2, name);
}

void request_open(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, find_header);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "headers");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &HEADERS_KEY);
}

void request_push(lua_State *L, const struct event_request *r, const struct http_pattern *pattern,
                  bool with_body) {
  struct span target = event_slice_span(r, r->target), path, query;
  http_url_split(target, &path, &query);
  luaL_checkstack(L, 8, "request");
  lua_createtable(L, 0, 12);
  push_headers(L, r);
  lua_setfield(L, -2, "headers");
  push_query(L, query);
  lua_setfield(L, -2, "query");
  request_push_params(L, path, pattern);
  lua_setfield(L, -2, "params");
  push_protocols(L, r);
  lua_setfield(L, -2, "protocols");
  set_string(L, "url", target);
  set_string(L, "path", path);
  set_string(L, "method", event_slice_span(r, r->method));
  set_string(L, "remoteAddress", event_slice_span(r, r->address));
  lua_pushinteger(L, r->port);
  lua_setfield(L, -2, "remotePort");
  lua_pushboolean(L, r->secure);
  lua_setfield(L, -2, "secure");
  if (r->certificate_count > 0) {
    push_certificate(L, r);
    lua_setfield(L, -2, "peerCertificate");
  }
  if (with_body) set_string(L, "body", event_slice_span(r, r->body));
}

void request_push_params(lua_State *L, struct span path, const struct http_pattern *pattern) {
  char storage[HTTP_LINE_MAX];
  struct buf values = {.data = storage, .cap = sizeof storage, .max = sizeof storage};
  struct http_param params[HTTP_PATTERN_SEGMENTS_MAX];
  size_t count = 0;
  if (pattern && http_pattern_match(pattern, path, &values, params, &count) != 1) count = 0;
  lua_createtable(L, 0, (int)count);
  for (size_t i = 0; i < count; i++) {
    lua_pushlstring(L, params[i].name.p, params[i].name.n);
    lua_pushlstring(L, params[i].value.p, params[i].value.n);
    lua_rawset(L, -3);
  }
}

// Pushes `name` with its ASCII letters in lower case.
static void push_lower(lua_State *L, struct span name) {
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, name.n);
  for (size_t i = 0; i < name.n; i++)
    to[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] - 'A' + 'a') : name.p[i];
  luaL_pushresultsize(&b, name.n);
}

// headers["User-Agent"]: the raw table knows only "user-agent".
static int find_header(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  struct span name;
  name.p = lua_tolstring(L, 2, &name.n);
  push_lower(L, name);
  lua_rawget(L, 1);
  return 1;
}

// Takes name and value off the stack into the table below them; the values of a name that comes
// again gather in an array. Bounded work: the length of an array is found by bisection.
static void add_value(lua_State *L) {
  lua_pushvalue(L, -2);
  switch (lua_rawget(L, -4)) {
  case LUA_TNIL:
    lua_pop(L, 1);
    lua_rawset(L, -3);
    return;
  case LUA_TTABLE:
    lua_insert(L, -2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
    return;
  default:
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 2);
    lua_rawset(L, -3);
  }
}

static void push_headers(lua_State *L, const struct event_request *r) {
  lua_createtable(L, 0, (int)r->header_count);
  for (uint32_t i = 0; i < r->header_count; i++) {
    struct span value = event_slice_span(r, r->headers[i].value);
    push_lower(L, event_slice_span(r, r->headers[i].name));
    lua_pushlstring(L, value.p, value.n);
    add_value(L);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &HEADERS_KEY);
  lua_setmetatable(L, -2);
}

static void push_decoded(lua_State *L, struct span text) {
  luaL_Buffer b;
  struct buf decoded = {.data = luaL_buffinitsize(L, &b, text.n), .cap = text.n, .max = text.n};
  if (http_url_decode(&decoded, text, true) == 0) {
    luaL_pushresultsize(&b, decoded.len);
    return;
  }
  memcpy(decoded.data, text.p, text.n);
  luaL_pushresultsize(&b, text.n);
}

static void push_query(lua_State *L, struct span query) {
  struct span name, value;
  lua_newtable(L);
  while (http_url_next_pair(&query, &name, &value)) {
    push_decoded(L, name);
    push_decoded(L, value);
    add_value(L);
  }
}

// The subprotocols that the client offers, in its order.
static void push_protocols(lua_State *L, const struct event_request *r) {
  lua_Integer count = 0;
  lua_newtable(L);
  for (uint32_t i = 0; i < r->header_count; i++) {
    if (!span_eq_nocase(event_slice_span(r, r->headers[i].name), SPAN("Sec-WebSocket-Protocol")))
      continue;
    struct span rest = event_slice_span(r, r->headers[i].value), protocol;
    while (http_token_next(&rest, &protocol)) {
      if (protocol.n == 0) continue;
      lua_pushlstring(L, protocol.p, protocol.n);
      lua_rawseti(L, -2, ++count);
    }
  }
  json_mark_array(L);
}

// What is known of the client's certificate.
static void push_certificate(lua_State *L, const struct event_request *r) {
  lua_createtable(L, 0, (int)r->certificate_count);
  for (uint32_t i = 0; i < r->certificate_count; i++) {
    const struct event_header *fact = &r->headers[r->header_count + i];
    struct span name = event_slice_span(r, fact->name), value = event_slice_span(r, fact->value);
    lua_pushlstring(L, name.p, name.n);
    lua_pushlstring(L, value.p, value.n);
    lua_rawset(L, -3);
  }
}
