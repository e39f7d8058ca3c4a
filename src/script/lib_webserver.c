// The Lua class WebServer. Runs in the Lua thread.

#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/lib.h"
#include "script/wait.h"
#include "script/webserver.h"
#include "script/webserver_reload.h"
#include "script/webserver_settings.h"

// WebServer.new(settings)
static int new (lua_State *L) {
  lua_settop(L, 1);
  struct webserver *web = webserver_new(L);
  webserver_settings_read(L, web, 1, "WebServer.new");
  if (runtime_of(L)->preparing && webserver_reload_take_over(L, web)) return 1;
  webserver_settings_commit(L, web, 2, 1);
  lua_settop(L, 2);
  return 1;
}

static int push_failure(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

// web:reloadTLS() -> true | nil, message
static int reload_tls(lua_State *L) {
  struct webserver *web = object_self(L, &WEBSERVER_CLASS, "reloadTLS");
  struct err err;
  if (!webserver_reload_tls(L, web, &err)) return push_failure(L, err.text);
  lua_pushboolean(L, 1);
  return 1;
}

// Whether the draft asks for another place to listen at than the one in use, or for TLS or none
// there. What the command line has set counts for nothing there.
static bool is_elsewhere(lua_State *L, const struct webserver *web) {
  const struct worker_options *options = runtime_of(L)->options;
  const struct web_config *old = web->settings, *new = web->draft;
  bool is_host_free = !web->is_default || !options->host;
  bool is_port_free = !web->is_default || options->port < 0;
  if (is_host_free && strcmp(new->host, old->host) != 0) return true;
  if (is_port_free && new->port != old->port &&new->port != web->port) return true;
  bool is_tls_free = !web->is_default || !options->tls;
  return is_tls_free && (new->tls_count > 0) != (old->tls_count > 0);
}

static int refuse_elsewhere(lua_State *L, const struct webserver *web) {
  lua_pushnil(L);
  lua_pushfstring(L, "already running on %s", webserver_push_url(L, web, "http", "/"));
  lua_remove(L, -2);
  return 2;
}

// Another worker's settings are not this one's to change.
static int refuse_guest(lua_State *L, const struct webserver *web) {
  lua_pushnil(L);
  lua_pushfstring(L, "already running on %s, with the settings of another worker",
                  webserver_push_url(L, web, "http", "/"));
  lua_remove(L, -2);
  return 2;
}

static bool has_settings(lua_State *L, int index) {
  if (!lua_istable(L, index)) return false;
  lua_pushnil(L);
  bool has = lua_next(L, index);
  lua_settop(L, index);
  return has;
}

// What an earlier generation of the script has started goes on with other settings.
static int start_again(lua_State *L, struct webserver *web) {
  webserver_reload_read_settings(L, web, 2);
  if (is_elsewhere(L, web)) {
    webserver_reload_refuse(runtime_of(L), web);
    return refuse_elsewhere(L, web);
  }
  webserver_reload_stage(L, web, 1, 2);
  lua_pushboolean(L, 1);
  return 1;
}

static int restart(lua_State *L, struct webserver *web) {
  if (webserver_reload_is_old(runtime_of(L), web)) return start_again(L, web);
  webserver_settings_read(L, web, 2, "start");
  if (web->is_guest && has_settings(L, 2)) return refuse_guest(L, web);
  if (is_elsewhere(L, web)) return refuse_elsewhere(L, web);
  struct err err;
  if (lua_istable(L, 2) && lua_getfield(L, 2, "tls") != LUA_TNIL &&
      !webserver_change_tls(L, web, &err))
    return push_failure(L, err.text);
  webserver_settings_commit(L, web, 1, 2);
  if (!webserver_update(L, web, 1, &err)) return push_failure(L, err.text);
  lua_pushboolean(L, 1);
  return 1;
}

static void note_place(lua_State *L, struct webserver *web) {
  if (!lua_istable(L, 2)) return;
  bool has_host = lua_getfield(L, 2, "host") != LUA_TNIL;
  bool has_port = lua_getfield(L, 2, "port") != LUA_TNIL;
  web->is_placed = web->is_placed || has_host || has_port;
  lua_settop(L, 2);
}

// web:start([settings]) -> true | nil, message
static int start(lua_State *L) {
  struct webserver *web = object_self(L, &WEBSERVER_CLASS, "start");
  lua_settop(L, 2);
  if (web->is_running) return restart(L, web);
  webserver_settings_read(L, web, 2, "start");
  webserver_settings_commit(L, web, 1, 2);
  note_place(L, web);
  struct err err;
  bool is_started = runtime_of(L)->phase == PHASE_RUNNING && webserver_start(L, web, 1, &err);
  if (!is_started && runtime_is_stopping(runtime_of(L))) return runtime_refuse_start(L, "start");
  if (!is_started) return push_failure(L, err.text);
  if (web->is_guest && has_settings(L, 2)) {
    size_t limit = alloc_unbind(&runtime_of(L)->alloc); // it must come to leaving
    int results = refuse_guest(L, web);
    runtime_of(L)->alloc.limit = limit;
    webserver_leave(runtime_of(L), web, CONFIG_NONE);
    return results;
  }
  lua_pushboolean(L, 1);
  return 1;
}

// web:stop([timeout])
static int stop(lua_State *L) {
  struct webserver *web = object_self(L, &WEBSERVER_CLASS, "stop");
  uint64_t timeout = CONFIG_NONE;
  if (!lua_isnoneornil(L, 2)) timeout = wait_check_seconds(L, 2, "stop");
  webserver_stop(runtime_of(L), web, timeout);
  return 0;
}

static void push_is_running(lua_State *L, void *self) {
  const struct webserver *web = self;
  lua_pushboolean(L, web->is_running);
}

static void push_host(lua_State *L, void *self) {
  lua_pushstring(L, webserver_host(runtime_of(L), self));
}

static void push_port(lua_State *L, void *self) {
  lua_pushinteger(L, webserver_port(runtime_of(L), self));
}

static void push_url(lua_State *L, void *self) {
  webserver_push_url(L, self, "http", "/");
}

static void describe(lua_State *L, void *self) {
  const struct webserver *web = self;
  const char *url = webserver_push_url(L, self, "http", "/");
  lua_pushfstring(L, "WebServer: %s (%s)", url, web->is_running ? "running" : "stopped");
}

static void collect(struct runtime *rt, void *self) {
  (void)rt;
  struct webserver *web = self;
  web_config_unref(web->settings);
  web_config_unref(web->draft);
  web_config_unref(web->next);
  web->settings = web->draft = web->next = NULL;
  mem_free(web->place);
  mem_free(web->folder);
  web->place = web->folder = NULL;
}

static const luaL_Reg METHODS[] = {
    {"start", start}, {"stop", stop}, {"reloadTLS", reload_tls}, {NULL, NULL}};

static const struct object_property PROPERTIES[] = {{"isRunning", push_is_running},
                                                    {"host", push_host},
                                                    {"port", push_port},
                                                    {"url", push_url},
                                                    {NULL, NULL}};

const struct object_class WEBSERVER_CLASS = {.name = "WebServer",
                                             .methods = METHODS,
                                             .properties = PROPERTIES,
                                             .describe = describe,
                                             .gc = collect};

void lib_webserver_open(lua_State *L) {
  object_open(L, &WEBSERVER_CLASS);
  lua_newtable(L);
  lua_pushcfunction(L, new);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "WebServer");
  struct webserver *web = webserver_new(L);
  web->is_default = true;
  runtime_of(L)->default_web = web;
  lua_setfield(L, -2, "webServer");
}
