// probe.negotiation: extensions and permessage-deflate's parameters in the handshake.

#include <lauxlib.h>
#include <stdlib.h>
#include "http/deflate.h"
#include "http/extension.h"
#include "probe.h"

enum { HEADERS_MAX = 8 };

// An array of values, each copied into a block of its own size, so that a sanitizer sees a read
// past it. To be freed with free_headers.
static size_t read_headers(lua_State *L, int index, struct http_header headers[HEADERS_MAX]) {
  size_t count = lua_rawlen(L, index);
  luaL_argcheck(L, count <= HEADERS_MAX, index, "too many headers");
  for (size_t i = 0; i < count; i++) {
    struct span *value = &headers[i].value;
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    const char *text = luaL_checklstring(L, -1, &value->n);
    char *copy = malloc(value->n > 0 ? value->n : 1);
    if (value->n > 0) memcpy(copy, text, value->n);
    value->p = copy;
    headers[i].name = i % 2 ? SPAN("SEC-WEBSOCKET-EXTENSIONS") : SPAN("Sec-WebSocket-Extensions");
    lua_pop(L, 1);
  }
  return count;
}

static void free_headers(struct http_header headers[HEADERS_MAX], size_t count) {
  for (size_t i = 0; i < count; i++)
    free((char *)headers[i].value.p);
}

static void push_params(lua_State *L, struct span params) {
  struct http_extension_param param;
  lua_newtable(L);
  for (lua_Integer i = 1; http_extension_next_param(&params, &param); i++) {
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, param.name.p, param.name.n);
    lua_rawseti(L, -2, 1);
    if (param.value.p) {
      lua_pushlstring(L, param.value.p, param.value.n);
      lua_rawseti(L, -2, 2);
    }
    lua_rawseti(L, -2, i);
  }
}

// extensions(values) -> { { name, { { name, value or nil }, ... } }, ... }; or nil, what is wrong
static int extensions(lua_State *L) {
  static const char *const wrong[] = {NULL, "malformed", "too many"};
  struct http_header headers[HEADERS_MAX];
  size_t count = read_headers(L, 1, headers);
  enum http_extensions result = http_extension_check(headers, count);
  if (result != HTTP_EXTENSIONS_FINE) {
    free_headers(headers, count);
    lua_pushnil(L);
    lua_pushstring(L, wrong[result]);
    return 2;
  }
  struct http_extension_iter at = {0};
  struct http_extension e;
  lua_newtable(L);
  for (lua_Integer i = 1; http_extension_next(headers, count, &at, &e); i++) {
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, e.name.p, e.name.n);
    lua_rawseti(L, -2, 1);
    push_params(L, e.params);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i);
  }
  free_headers(headers, count);
  return 1;
}

static struct http_deflate_policy check_policy(lua_State *L, int index) {
  return (struct http_deflate_policy){.window_bits = (uint8_t)luaL_checkinteger(L, index),
                                      .context_takeover = lua_toboolean(L, index + 1)};
}

// "15s 15c": the bits of server and client, and a letter where there is no takeover.
static void push_agreed(lua_State *L, const struct http_deflate *d) {
  lua_pushfstring(L, "%d%s %d%s", d->server_bits, d->server_takeover ? "" : "s", d->client_bits,
                  d->client_takeover ? "" : "c");
}

// accept(request of probe.http, bits, takeover) -> answer, agreed; or nothing
static int accept(lua_State *L) {
  struct http_request *r = *(struct http_request **)luaL_checkudata(L, 1, "probe.http.request");
  struct http_deflate_policy policy = check_policy(L, 2);
  struct http_deflate agreed;
  char answer[HTTP_DEFLATE_ANSWER_MAX];
  if (!http_deflate_accept(r, &policy, &agreed, answer)) return 0;
  lua_pushstring(L, answer);
  push_agreed(L, &agreed);
  return 2;
}

// offer(bits, takeover) -> the header's value
static int offer(lua_State *L) {
  struct http_deflate_policy policy = check_policy(L, 1);
  char text[HTTP_DEFLATE_OFFER_MAX];
  http_deflate_offer(&policy, text);
  lua_pushstring(L, text);
  return 1;
}

// check(values, bits or nil, takeover) -> agreed or false; or nil, what is wrong
static int check(lua_State *L) {
  struct http_header headers[HEADERS_MAX];
  struct http_deflate_policy policy = {0};
  bool is_offered = !lua_isnoneornil(L, 2);
  if (is_offered) policy = check_policy(L, 2);
  struct http_deflate agreed;
  bool is_on;
  size_t count = read_headers(L, 1, headers);
  const char *why =
      http_deflate_check(headers, count, is_offered ? &policy : NULL, &agreed, &is_on);
  free_headers(headers, count);
  if (why) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  if (is_on)
    push_agreed(L, &agreed);
  else
    lua_pushboolean(L, false);
  return 1;
}

int probe_open_negotiation(lua_State *L) {
  static const luaL_Reg functions[] = {{"extensions", extensions},
                                       {"accept", accept},
                                       {"offer", offer},
                                       {"check", check},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
