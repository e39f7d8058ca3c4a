// What is set of web servers, and what the reactors are told of it. Runs in the Lua thread.

#include "script/webserver_settings.h"

#include <lauxlib.h>
#include "base/mem.h"
#include "http/proxies.h"
#include "script/args.h"
#include "script/tls_option.h"
#include "script/watch.h"

static const struct web_config DEFAULTS = {
    .port = 8080,
    .handshake_timeout = 10000,
    .keep_alive_timeout = 5000,
    .request_timeout = 30000,
    .response_timeout = 60000,
    .linger_timeout = 5000,
    .max_body = 1024 * 1024,
};

static struct web_config *copy_config(const struct web_config *from);
static void set_tls(const struct runtime *rt, const struct webserver *web, struct web_config *c);

static void check_handler(lua_State *L, const char *label, void *target) {
  (void)target;
  if (!lua_istable(L, -1))
    args_error(L, "%s must be a table with a function onRequest, got %s", label,
               args_describe(L, -1));
  lua_getfield(L, -1, "onRequest");
  bool is_function = args_is_callable(L, -1);
  lua_pop(L, 1);
  if (!is_function) args_error(L, "%s must have a function onRequest", label);
}

static void check_trust_proxy(lua_State *L, const char *label, void *target) {
  const struct web_config *c = target;
  for (char **entry = c->trust_proxy; *entry; entry++) {
    const char *why = http_proxies_check(span_of(*entry));
    if (why) args_error(L, "%s: '%s' %s", label, *entry, why);
  }
}

static void check_tls(lua_State *L, const char *label, void *target) {
  tls_option_read(L, label, target);
}

static const struct args_option SETTINGS[] = {
    {"host", ARGS_STRING, offsetof(struct web_config, host), false, NULL},
    {"port", ARGS_PORT, offsetof(struct web_config, port), false, NULL},
    {"root", ARGS_STRING, offsetof(struct web_config, root), true, NULL},
    {"tls", ARGS_VALUE, 0, false, check_tls},
    {"handler", ARGS_VALUE, 0, false, check_handler},
    {"trustProxy", ARGS_STRINGS, offsetof(struct web_config, trust_proxy), true, check_trust_proxy},
    {"handshakeTimeout", ARGS_SECONDS, offsetof(struct web_config, handshake_timeout), true, NULL},
    {"keepAliveTimeout", ARGS_SECONDS, offsetof(struct web_config, keep_alive_timeout), true, NULL},
    {"maxBody", ARGS_SIZE, offsetof(struct web_config, max_body), false, NULL},
    {NULL, 0, 0, false, NULL},
};

struct web_config *webserver_settings_new(const char *host) {
  struct web_config *c = copy_config(&DEFAULTS);
  c->host = mem_dup_string(host);
  return c;
}

void webserver_settings_read(lua_State *L, struct webserver *web, int index, const char *what) {
  webserver_settings_read_over(L, web, web->settings, index, what);
}

struct web_config *webserver_settings_default(const struct webserver *web) {
  struct web_config *c = webserver_settings_new(web->settings->host);
  c->port = web->settings->port;
  return c;
}

void webserver_settings_read_over(lua_State *L, struct webserver *web,
                                  const struct web_config *base, int index, const char *what) {
  web_config_unref(web->draft);
  web->draft = copy_config(base);
  args_read_options(L, index, SETTINGS, web->draft, what);
}

void webserver_settings_commit(lua_State *L, struct webserver *web, int self_index, int index) {
  if (lua_istable(L, index) && lua_getfield(L, index, "handler") == LUA_TTABLE)
    lua_setiuservalue(L, self_index, WEBSERVER_HANDLER);
  web_config_unref(web->settings);
  web->settings = web->draft;
  web->draft = NULL;
}

struct web_config *webserver_settings_make(const struct runtime *rt, const struct webserver *web) {
  struct web_config *c = copy_config(web->settings);
  c->id = web->id;
  c->owner = mailbox_ref(rt->mailbox);
  c->pool = rt->options->kin;
  c->is_default = web->is_default;
  c->is_placed = web->is_placed;
  c->ordinal = web->ordinal;
  c->port = webserver_wanted_port(rt, web);
  mem_free(c->host);
  c->host = mem_dup_string(webserver_host(rt, web));
  mem_free(c->root);
  c->root = webserver_root(rt, web);
  c->page_tail = mem_dup_string(watch_page_tail(rt));
  set_tls(rt, web, c);
  return c;
}

static char **copy_strings(char **from) {
  if (!from) return NULL;
  size_t count = mem_count_strings(from);
  char **copy = mem_alloc((count + 1) * sizeof *copy);
  for (size_t i = 0; i <= count; i++)
    copy[i] = mem_dup_string(from[i]);
  return copy;
}

static struct web_config *copy_config(const struct web_config *from) {
  struct web_config *c = web_config_new();
  c->host = mem_dup_string(from->host);
  c->root = mem_dup_string(from->root);
  c->trust_proxy = copy_strings(from->trust_proxy);
  c->port = from->port;
  c->has_handler = from->has_handler;
  c->handshake_timeout = from->handshake_timeout;
  c->keep_alive_timeout = from->keep_alive_timeout;
  c->request_timeout = from->request_timeout;
  c->response_timeout = from->response_timeout;
  c->linger_timeout = from->linger_timeout;
  c->max_body = from->max_body;
  web_config_set_tls(c, from->tls, from->tls_count);
  return c;
}

// The certificates in effect, with absolute paths.
static void set_tls(const struct runtime *rt, const struct webserver *web, struct web_config *c) {
  if (!webserver_is_secure(rt, web)) {
    web_config_set_tls(c, NULL, 0);
  } else if (webserver_is_tls_given(rt, web)) {
    web_config_set_tls(c, rt->options->tls, 1);
    tls_option_resolve(c->tls, rt->options->working);
  } else {
    for (size_t i = 0; i < c->tls_count; i++)
      tls_option_resolve(&c->tls[i], webserver_folder(rt, web));
  }
}
