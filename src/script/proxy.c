// Proxies of clients. Runs in the worker's thread.

#include "script/proxy.h"

#include <stdlib.h>
#include "base/mem.h"
#include "http/noproxy.h"
#include "http/wsurl.h"
#include "script/args.h"

static const char *set_proxy(struct client_config *c, struct span url);
static const char *find_variable(const char *const names[2], const char **name);

void proxy_read_option(lua_State *L, const char *label, struct client_config *c) {
  struct span url;
  if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) return;
  if (lua_type(L, -1) != LUA_TSTRING)
    args_error(L, "%s must be a URL or false, got %s", label, args_describe(L, -1));
  url.p = lua_tolstring(L, -1, &url.n);
  const char *why = set_proxy(c, url);
  // The URL isn't quoted: it may hold a password.
  if (why) args_error(L, "%s is a malformed URL: %s", label, why);
}

bool proxy_find(lua_State *L, struct client_config *c) {
  static const char *const SECURE[] = {"https_proxy", "HTTPS_PROXY"};
  static const char *const PLAIN[] = {"http_proxy", "HTTP_PROXY"};
  static const char *const EXCEPT[] = {"no_proxy", "NO_PROXY"};
  const char *name, *except;
  const char *url = find_variable(c->is_secure ? SECURE : PLAIN, &name);
  if (!url) return true;
  const char *list = find_variable(EXCEPT, &except);
  if (list && http_noproxy_has(span_of(list), span_of(c->host), c->port)) return true;
  const char *why = set_proxy(c, span_of(url));
  if (why) lua_pushfstring(L, "malformed URL in the environment's %s: %s", name, why);
  return !why;
}

static const char *set_proxy(struct client_config *c, struct span url) {
  struct http_wsurl u;
  const char *why = http_wsurl_read_proxy(&u, url);
  if (why) return why;
  mem_free(c->proxy_host);
  mem_free(c->proxy_authorization);
  c->proxy_host = u.host;
  c->proxy_port = u.port;
  c->proxy_is_secure = u.is_secure;
  c->proxy_authorization = u.authorization;
  u.host = u.authorization = NULL;
  http_wsurl_deinit(&u);
  return NULL;
}

// Web servers hand a request's header "Proxy" to CGI programs as HTTP_PROXY ("httpoxy").
static bool may_be_a_header(const char *name) {
  return strcmp(name, "HTTP_PROXY") == 0 && getenv("REQUEST_METHOD") != NULL;
}

// The first of them that holds something, and its name.
static const char *find_variable(const char *const names[2], const char **name) {
  for (int i = 0; i < 2; i++) {
    const char *value = may_be_a_header(names[i]) ? NULL : getenv(names[i]);
    *name = names[i];
    if (value && value[0]) return value;
  }
  return NULL;
}
