// probe.opening: src/http/reply, src/http/opening and src/http/tunnel for the specs, the client's
// side of HTTP. Runs in luaws-spec.

#include <lauxlib.h>
#include <stdlib.h>
#include "http/opening.h"
#include "http/reply.h"
#include "http/tunnel.h"
#include "probe.h"

#define REPLY "probe.opening.reply"

enum { LIST_MAX = 8 };

static void push_span(lua_State *L, struct span s) {
  lua_pushlstring(L, s.p ? s.p : "", s.n);
}

// ---- reply ----

static struct http_reply *check_reply(lua_State *L, int arg) {
  return *(struct http_reply **)luaL_checkudata(L, arg, REPLY);
}

// newReply([toConnect])
static int new_reply(lua_State *L) {
  bool is_to_connect = lua_toboolean(L, 1);
  struct http_reply **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = is_to_connect ? http_reply_new_to_connect() : http_reply_new();
  luaL_setmetatable(L, REPLY);
  return 1;
}

static int reply_gc(lua_State *L) {
  http_reply_free(check_reply(L, 1));
  return 0;
}

static const char *name_of(enum http_progress progress) {
  static const char *const NAMES[] = {"more", "continue", "complete", "bad"};
  return NAMES[progress];
}

// r:feed(bytes) -> progress, used. The bytes lie in a block of their own size, so that a sanitizer
// sees a read past them.
static int reply_feed(lua_State *L) {
  size_t n, used;
  const char *bytes = luaL_checklstring(L, 2, &n);
  char *copy = malloc(n ? n : 1);
  memcpy(copy, bytes, n);
  enum http_progress progress = http_reply_feed(check_reply(L, 1), copy, n, &used);
  free(copy);
  lua_pushstring(L, name_of(progress));
  lua_pushinteger(L, (lua_Integer)used);
  return 2;
}

static int reply_end(lua_State *L) {
  lua_pushstring(L, name_of(http_reply_end(check_reply(L, 1))));
  return 1;
}

static int reply_failure(lua_State *L) {
  lua_pushstring(L, http_reply_failure(check_reply(L, 1)));
  return 1;
}

static int reply_has_begun(lua_State *L) {
  lua_pushboolean(L, http_reply_has_begun(check_reply(L, 1)));
  return 1;
}

static void push_headers(lua_State *L, const struct http_reply *r) {
  lua_newtable(L);
  for (size_t i = 0; i < http_reply_header_count(r); i++) {
    lua_createtable(L, 2, 0);
    push_span(L, http_reply_headers(r)[i].name);
    lua_rawseti(L, -2, 1);
    push_span(L, http_reply_headers(r)[i].value);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

// r:parts() -> { status =, reason =, http10 =, headers = {{name, value}, ...}, body = }
static int reply_parts(lua_State *L) {
  const struct http_reply *r = check_reply(L, 1);
  lua_newtable(L);
  lua_pushinteger(L, http_reply_status(r));
  lua_setfield(L, -2, "status");
  push_span(L, http_reply_reason(r));
  lua_setfield(L, -2, "reason");
  lua_pushboolean(L, http_reply_is_http10(r));
  lua_setfield(L, -2, "http10");
  push_headers(L, r);
  lua_setfield(L, -2, "headers");
  push_span(L, http_reply_body(r));
  lua_setfield(L, -2, "body");
  return 1;
}

// ---- opening ----

// What `opening` points to; the strings are the Lua table's.
struct lists {
  struct span protocols[LIST_MAX];
  struct http_header headers[LIST_MAX];
};

static struct span get_field(lua_State *L, const char *name) {
  struct span s = {NULL, 0};
  lua_getfield(L, 1, name);
  if (!lua_isnil(L, -1)) s.p = luaL_checklstring(L, -1, &s.n);
  lua_pop(L, 1);
  return s;
}

static size_t get_protocols(lua_State *L, struct lists *lists) {
  if (lua_getfield(L, 1, "protocols") == LUA_TNIL) lua_newtable(L);
  size_t count = lua_rawlen(L, -1);
  luaL_argcheck(L, count <= LIST_MAX, 1, "too many protocols");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    lists->protocols[i].p = luaL_checklstring(L, -1, &lists->protocols[i].n);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return count;
}

static size_t get_headers(lua_State *L, struct lists *lists) {
  if (lua_getfield(L, 1, "headers") == LUA_TNIL) lua_newtable(L);
  size_t count = lua_rawlen(L, -1);
  luaL_argcheck(L, count <= LIST_MAX, 1, "too many headers");
  for (size_t i = 0; i < count; i++) {
    struct http_header *header = &lists->headers[i];
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    header->name.p = luaL_checklstring(L, -2, &header->name.n);
    header->value.p = luaL_checklstring(L, -1, &header->value.n);
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
  return count;
}

// { host =, port =, secure =, target =, random = (16 bytes), protocols =, extensions =,
//   headers = {{name, value}, ...} }
static struct http_opening get_opening(lua_State *L, struct lists *lists) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct span random = get_field(L, "random");
  luaL_argcheck(L, random.n == 16, 1, "16 random bytes");
  lua_getfield(L, 1, "secure");
  lua_getfield(L, 1, "port");
  struct http_opening o = {
      .host = get_field(L, "host"),
      .port = (uint16_t)lua_tointeger(L, -1),
      .is_secure = lua_toboolean(L, -2),
      .target = get_field(L, "target"),
      .protocols = lists->protocols,
      .extensions = get_field(L, "extensions"),
      .headers = lists->headers,
  };
  lua_pop(L, 2);
  o.protocol_count = get_protocols(L, lists);
  o.header_count = get_headers(L, lists);
  http_opening_set_key(&o, (const unsigned char *)random.p);
  return o;
}

// write(opening [, max]) -> bytes; or nil, why
static int write_opening(lua_State *L) {
  struct lists lists;
  const char *why;
  struct buf out;
  struct http_opening o = get_opening(L, &lists);
  buf_init(&out, (size_t)luaL_optinteger(L, 2, 1 << 20));
  int rc = http_opening_write(&out, &o, &why);
  if (rc != 0 && out.len > 0) return luaL_error(L, "%d bytes left behind", (int)out.len);
  if (rc == 0)
    lua_pushlstring(L, out.data, out.len);
  else
    lua_pushnil(L);
  lua_pushstring(L, rc == ERR_INVALID ? why : rc == ERR_TOO_BIG ? "too big" : NULL);
  buf_deinit(&out);
  return 2;
}

// check(opening, reply) -> "websocket", protocol | "refused" | "bad", why
static int check_opening(lua_State *L) {
  struct lists lists;
  struct span protocol;
  const char *why = NULL;
  struct http_opening o = get_opening(L, &lists);
  switch (http_opening_check(&o, check_reply(L, 2), &protocol, &why)) {
  case HTTP_ANSWER_WEBSOCKET:
    lua_pushstring(L, "websocket");
    push_span(L, protocol);
    return 2;
  case HTTP_ANSWER_REFUSED: lua_pushstring(L, "refused"); return 1;
  case HTTP_ANSWER_BAD: break;
  }
  lua_pushstring(L, "bad");
  lua_pushstring(L, why);
  return 2;
}

// ---- tunnel ----

// { host =, port =, authorization = } at argument 1; the strings are the table's.
static struct http_tunnel get_tunnel(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "port");
  struct http_tunnel t = {
      .host = get_field(L, "host").p,
      .port = (uint16_t)lua_tointeger(L, -1),
      .authorization = get_field(L, "authorization").p,
  };
  lua_pop(L, 1);
  return t;
}

// writeTunnel(tunnel [, max]) -> bytes; or nil
static int write_tunnel(lua_State *L) {
  struct buf out;
  struct http_tunnel t = get_tunnel(L);
  buf_init(&out, (size_t)luaL_optinteger(L, 2, 1 << 20));
  int rc = http_tunnel_write(&out, &t);
  if (rc != 0 && out.len > 0) return luaL_error(L, "%d bytes left behind", (int)out.len);
  if (rc == 0)
    lua_pushlstring(L, out.data, out.len);
  else
    lua_pushnil(L);
  buf_deinit(&out);
  return 1;
}

// isTunnel(reply) -> whether it opens one, and the hint at why not
static int is_tunnel(lua_State *L) {
  const struct http_reply *r = check_reply(L, 1);
  lua_pushboolean(L, http_tunnel_is_open(r));
  lua_pushstring(L, http_tunnel_hint(http_reply_status(r)));
  return 2;
}

static int is_reserved(lua_State *L) {
  lua_pushboolean(L, http_opening_is_reserved(span_of(luaL_checkstring(L, 1))));
  return 1;
}

int probe_open_opening(lua_State *L) {
  static const luaL_Reg METHODS[] = {
      {"__gc", reply_gc},
      {"feed", reply_feed},
      {"finish", reply_end},
      {"failure", reply_failure},
      {"hasBegun", reply_has_begun},
      {"parts", reply_parts},
      {NULL, NULL},
  };
  static const luaL_Reg FUNCTIONS[] = {
      {"newReply", new_reply},
      {"write", write_opening},
      {"check", check_opening},
      {"isReserved", is_reserved},
      {"writeTunnel", write_tunnel},
      {"isTunnel", is_tunnel},
      {NULL, NULL},
  };
  probe_add_class(L, REPLY, METHODS);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
