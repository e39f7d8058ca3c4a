// From the arguments of WebSocket.new to a client's configuration. Runs in the Lua thread.

#include "script/websocket_options.h"

#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "http/opening.h"
#include "http/wsurl.h"
#include "script/args.h"
#include "script/compression.h"
#include "script/datatype.h"
#include "script/headers.h"
#include "script/link_options.h"
#include "script/path.h"
#include "script/proxy.h"

#define NEW "WebSocket.new"

enum { URL = 1, HANDLER = 2, OPTIONS = 3 }; // indices

enum { RECONNECT_MIN = 1000, RECONNECT_MAX = 30000 }; // ms

// The url
// ------------------------------------------------------------------------------------------

// Without user info, which may hold a password, and without the query, which may hold a token.
static char *make_shown_url(const struct client_config *c) {
  struct buf text;
  buf_init(&text, HTTP_WSURL_MAX * 2);
  buf_printf(&text, "%s://%s", c->is_secure ? "wss" : "ws", c->host);
  if (c->port != (c->is_secure ? HTTP_PORT_TLS : HTTP_PORT_PLAIN))
    buf_printf(&text, ":%u", c->port);
  buf_append(&text, c->target, strcspn(c->target, "?"));
  buf_append(&text, "", 1);
  return buf_take(&text, NULL);
}

// *authorization, of the user info, is the caller's.
static bool read_url(lua_State *L, struct websocket *c, char **authorization) {
  size_t length;
  const char *text = lua_tolstring(L, URL, &length);
  struct http_wsurl url;
  const char *why = http_wsurl_read(&url, (struct span){text, length});
  if (why) {
    lua_pushfstring(L, "malformed URL: %s", why);
    return false;
  }
  struct client_config *config = c->config;
  config->host = url.host;
  config->port = url.port;
  config->is_secure = url.is_secure;
  config->target = url.target;
  *authorization = url.authorization;
  c->shown_url = make_shown_url(config);
  return true;
}

// Options
// ------------------------------------------------------------------------------------------

static void check_protocols(lua_State *L, const char *label, void *target) {
  struct client_config *c = target;
  link_options_check_protocols(L, label, c->protocols);
  for (char **p = c->protocols; *p; p++) {
    for (char **q = c->protocols; q < p; q++) {
      if (strcmp(*p, *q) == 0) args_error(L, "%s: '%s' is there twice", label, *p);
    }
  }
}

static void check_compression(lua_State *L, const char *label, void *target) {
  struct client_config *c = target;
  compression_read(L, label, &c->link.compression);
}

static void check_proxy(lua_State *L, const char *label, void *target) {
  proxy_read_option(L, label, target);
}

static void check_table(lua_State *L, const char *label, void *target) {
  (void)target;
  if (!lua_istable(L, -1)) args_error(L, "%s must be a table, got %s", label, args_describe(L, -1));
}

static void check_reconnect(lua_State *L, const char *label, void *target) {
  (void)target;
  if (!lua_istable(L, -1) && !lua_isboolean(L, -1))
    args_error(L, "%s must be true, false or a table, got %s", label, args_describe(L, -1));
}

#define AT(member) offsetof(struct client_config, member)

static const struct args_option CLIENT_OPTIONS[] = {
    {"dataType", ARGS_VALUE, 0, false, datatype_check},
    {"headers", ARGS_VALUE, 0, false, check_table},
    {"protocols", ARGS_STRINGS, AT(protocols), false, check_protocols},
    {"tls", ARGS_VALUE, 0, false, check_table},
    {"proxy", ARGS_VALUE, 0, false, check_proxy},
    {"connectTimeout", ARGS_SECONDS, AT(connect_timeout), true, NULL},
    {"reconnect", ARGS_VALUE, 0, false, check_reconnect},
    {"compression", ARGS_VALUE, 0, false, check_compression},
    LINK_OPTIONS(struct client_config),
    {NULL, 0, 0, false, NULL},
};

#undef AT
#define AT(member) offsetof(struct websocket_reconnect, member)

static const struct args_option RECONNECT_OPTIONS[] = {
    {"min", ARGS_SECONDS, AT(min), false, NULL},
    {"max", ARGS_SECONDS, AT(max), false, NULL},
    {"attempts", ARGS_COUNT, AT(attempts), true, NULL},
    {"queue", ARGS_SIZE, AT(queue), false, NULL},
    {NULL, 0, 0, false, NULL},
};

#undef AT
#define AT(member) offsetof(struct tls_settings, member)

static void check_insecure(lua_State *L, const char *label, void *target) {
  struct tls_settings *tls = target;
  if (!lua_isboolean(L, -1))
    args_error(L, "%s must be true or false, got %s", label, args_describe(L, -1));
  tls->verify = lua_toboolean(L, -1) ? TLS_VERIFY_NONE : TLS_VERIFY_REQUIRED;
}

static const struct args_option TLS_OPTIONS[] = {
    {"ca", ARGS_STRING, AT(ca), false, NULL},
    {"cert", ARGS_STRING, AT(cert), false, NULL},
    {"key", ARGS_STRING, AT(key), false, NULL},
    {"insecure", ARGS_VALUE, 0, false, check_insecure},
    {NULL, 0, 0, false, NULL},
};

#undef AT

static void resolve(const struct runtime *rt, char **path) {
  if (!*path) return;
  char *resolved = path_resolve(rt->folder, *path);
  mem_free(*path);
  *path = resolved;
}

// The value is at the top of the stack.
static void read_tls(lua_State *L, struct tls_settings *tls) {
  static const char LABEL[] = NEW ": option 'tls'";
  const struct runtime *rt = runtime_of(L);
  args_read_options(L, -1, TLS_OPTIONS, tls, LABEL);
  if (!tls->cert != !tls->key)
    args_error(L, "%s: %s needs %s beside it", LABEL, tls->cert ? "cert" : "key",
               tls->cert ? "key" : "cert");
  resolve(rt, &tls->ca);
  resolve(rt, &tls->cert);
  resolve(rt, &tls->key);
}

// The same.
static void read_reconnect(lua_State *L, struct websocket *c) {
  static const char LABEL[] = NEW ": option 'reconnect'";
  struct websocket_reconnect *r = &c->reconnect;
  r->on = lua_toboolean(L, -1);
  if (!lua_istable(L, -1)) return;
  r->max = 0;
  args_read_options(L, -1, RECONNECT_OPTIONS, r, LABEL);
  if (r->max == 0) r->max = r->min > RECONNECT_MAX ? r->min : RECONNECT_MAX;
  if (r->max < r->min) args_error(L, "%s: max must be at least min", LABEL);
  if (r->queue > c->config->link.max_backpressure)
    args_error(L, "%s: queue must be at most maxBackpressure (%llu bytes)", LABEL,
               (unsigned long long)c->config->link.max_backpressure);
}

static void read_options(lua_State *L, struct websocket *c) {
  struct client_config *config = c->config;
  link_options_set_defaults(&config->link);
  config->connect_timeout = 10000;
  config->tls.verify = TLS_VERIFY_REQUIRED;
  c->reconnect = (struct websocket_reconnect){
      .min = RECONNECT_MIN, .max = RECONNECT_MAX, .attempts = CONFIG_NONE};
  args_read_options(L, OPTIONS, CLIENT_OPTIONS, config, NEW);
  link_options_settle(&config->link);
  if (lua_isnil(L, OPTIONS)) return;
  if (lua_getfield(L, OPTIONS, "tls") != LUA_TNIL) read_tls(L, &config->tls);
  if (lua_getfield(L, OPTIONS, "reconnect") != LUA_TNIL) read_reconnect(L, c);
  lua_pop(L, 2);
}

// Handler
// ------------------------------------------------------------------------------------------

// A client whose handler has no onMessage is received from.
static void check_callbacks(lua_State *L, struct websocket *c) {
  static const char *const NAMES[] = {"onOpen",      "onMessage", "onError",
                                      "onTerminate", "onDrain",   NULL};
  c->link.keeps = true;
  for (int i = 0; !lua_isnil(L, HANDLER) && NAMES[i]; i++) {
    int type = lua_getfield(L, HANDLER, NAMES[i]);
    if (type != LUA_TNIL && !args_is_callable(L, -1))
      args_error(L, NEW ": the handler's %s must be a function, got %s", NAMES[i],
                 args_describe(L, -1));
    if (type != LUA_TNIL && strcmp(NAMES[i], "onMessage") == 0) c->link.keeps = false;
    lua_pop(L, 1);
  }
}

// Pushes what the table at `index` (or nil) has of that name.
static int push_field(lua_State *L, int index, const char *name) {
  if (lua_isnil(L, index)) {
    lua_pushnil(L);
    return LUA_TNIL;
  }
  return lua_getfield(L, index, name);
}

static void read_data_type(lua_State *L, struct websocket *c) {
  const char *label = NEW ": option 'dataType'";
  if (push_field(L, OPTIONS, "dataType") == LUA_TNIL) {
    label = NEW ": the handler's dataType";
    lua_pop(L, 1);
    push_field(L, HANDLER, "dataType");
  }
  if (!lua_isnil(L, -1)) c->link.data = (uint8_t)datatype_read(L, label);
  lua_pop(L, 1);
}

// Headers
// ------------------------------------------------------------------------------------------

struct collected {
  struct client_config *config;
  size_t count; // strings in config->headers
  size_t own;   // those of the options
};

static bool has_header(const struct collected *all, size_t count, struct span name) {
  for (size_t i = 0; i < count; i += 2) {
    if (span_eq_nocase(span_of(all->config->headers[i]), name)) return true;
  }
  return false;
}

static void append_header(struct collected *all, struct span name, struct span value) {
  struct client_config *c = all->config;
  c->headers = mem_realloc(c->headers, (all->count + 3) * sizeof *c->headers);
  c->headers[all->count++] = mem_dup(name.p, name.n);
  c->headers[all->count++] = mem_dup(value.p, value.n);
  c->headers[all->count] = NULL;
}

// A header of the handler's yields to one of the options'.
static void add_header(void *context, struct span name, struct span value) {
  struct collected *all = context;
  if (!has_header(all, all->own, name)) append_header(all, name, value);
}

static void read_headers(lua_State *L, struct collected *all) {
  struct headers_reader reader = {.what = NEW,
                                  .is_reserved = http_opening_is_reserved,
                                  .fail = args_error,
                                  .add = add_header,
                                  .context = all};
  push_field(L, OPTIONS, "headers");
  headers_read(L, -1, &reader);
  all->own = all->count;
  push_field(L, HANDLER, "headers");
  headers_read(L, -1, &reader);
  lua_pop(L, 2);
}

// All
// ----------------------------------------------------------------------------------------------

bool websocket_options_read(lua_State *L, struct websocket *c) {
  struct client_config *config = c->config = client_config_new();
  struct collected headers = {.config = config};
  read_options(L, c);
  check_callbacks(L, c);
  read_data_type(L, c);
  read_headers(L, &headers);
  char *authorization;
  if (!read_url(L, c, &authorization)) return false;
  static const char NAME[] = "Authorization";
  if (authorization && !has_header(&headers, headers.count, SPAN(NAME)))
    append_header(&headers, SPAN(NAME), span_of(authorization));
  mem_free(authorization);
  bool has_own_proxy = push_field(L, OPTIONS, "proxy") != LUA_TNIL;
  lua_pop(L, 1);
  return has_own_proxy || proxy_find(L, config);
}
