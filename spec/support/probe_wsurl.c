// probe.wsurl: src/http/wsurl, src/http/noproxy and src/script/proxy for the specs. Runs in
// luaws-spec.

#include <lauxlib.h>
#include <stdlib.h>
#include "base/mem.h"
#include "http/noproxy.h"
#include "http/wsurl.h"
#include "mailbox/config.h"
#include "probe.h"
#include "script/proxy.h"

// { secure =, host =, port =, target =, authorization = }; or nil, why. The text lies in a block of
// its own size, so that a sanitizer sees a read past it.
static int read_with(lua_State *L, const char *(*function)(struct http_wsurl *, struct span)) {
  struct http_wsurl u;
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  char *copy = malloc(n ? n : 1);
  memcpy(copy, text, n);
  const char *why = function(&u, (struct span){copy, n});
  free(copy);
  if (why) {
    bool is_empty = !u.host && !u.target && !u.authorization;
    if (!is_empty) return luaL_error(L, "something left behind");
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  lua_newtable(L);
  lua_pushboolean(L, u.is_secure);
  lua_setfield(L, -2, "secure");
  lua_pushstring(L, u.host);
  lua_setfield(L, -2, "host");
  lua_pushinteger(L, u.port);
  lua_setfield(L, -2, "port");
  lua_pushstring(L, u.target);
  lua_setfield(L, -2, "target");
  lua_pushstring(L, u.authorization);
  lua_setfield(L, -2, "authorization");
  http_wsurl_deinit(&u);
  return 1;
}

static int read_url(lua_State *L) {
  return read_with(L, http_wsurl_read);
}

static int read_proxy(lua_State *L) {
  return read_with(L, http_wsurl_read_proxy);
}

// noproxyHas(list, host, port)
static int noproxy_has(lua_State *L) {
  struct span list, host;
  list.p = luaL_checklstring(L, 1, &list.n);
  host.p = luaL_checklstring(L, 2, &host.n);
  lua_pushboolean(L, http_noproxy_has(list, host, (uint16_t)luaL_checkinteger(L, 3)));
  return 1;
}

// ---- script/proxy ----

#define CONFIG "probe.wsurl.config"

static int config_gc(lua_State *L) {
  client_config_unref(*(struct client_config **)lua_touserdata(L, 1));
  return 0;
}

// A client's configuration for { host =, port =, secure = } at argument 1, freed by the collector.
static struct client_config *new_config(lua_State *L) {
  struct client_config **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  struct client_config *c = *slot = client_config_new();
  if (luaL_newmetatable(L, CONFIG)) {
    lua_pushcfunction(L, config_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  lua_getfield(L, 1, "host");
  lua_getfield(L, 1, "port");
  lua_getfield(L, 1, "secure");
  c->host = mem_dup(luaL_checkstring(L, -3), lua_rawlen(L, -3));
  c->port = (uint16_t)luaL_checkinteger(L, -2);
  c->is_secure = lua_toboolean(L, -1);
  lua_pop(L, 3);
  return c;
}

// { host =, port =, secure =, authorization = } of its proxy; false: none
static int push_proxy(lua_State *L, const struct client_config *c) {
  lua_pushboolean(L, false);
  if (!c->proxy_host) return 1;
  lua_newtable(L);
  lua_pushstring(L, c->proxy_host);
  lua_setfield(L, -2, "host");
  lua_pushinteger(L, c->proxy_port);
  lua_setfield(L, -2, "port");
  lua_pushboolean(L, c->proxy_is_secure);
  lua_setfield(L, -2, "secure");
  lua_pushstring(L, c->proxy_authorization);
  lua_setfield(L, -2, "authorization");
  return 1;
}

// findProxy(client) -> proxy; or nil, why
static int find_proxy(lua_State *L) {
  struct client_config *c = new_config(L);
  if (proxy_find(L, c)) return push_proxy(L, c);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

// readProxyOption(client, value) -> proxy
static int read_proxy_option(lua_State *L) {
  struct client_config *c = new_config(L);
  lua_pushvalue(L, 2);
  proxy_read_option(L, "option 'proxy'", c);
  lua_pop(L, 1);
  return push_proxy(L, c);
}

int probe_open_wsurl(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {
      {"read", read_url},
      {"readProxy", read_proxy},
      {"noproxyHas", noproxy_has},
      {"findProxy", find_proxy},
      {"readProxyOption", read_proxy_option},
      {NULL, NULL},
  };
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
