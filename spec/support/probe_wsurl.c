// probe.wsurl: src/http/wsurl for the specs. Runs in luaws-spec.

#include <lauxlib.h>
#include <stdlib.h>
#include "http/wsurl.h"
#include "probe.h"

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

int probe_open_wsurl(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {
      {"read", read_url},
      {"readProxy", read_proxy},
      {NULL, NULL},
  };
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
