// WebSocket servers: made, opened, closed. Runs in the Lua thread.

#include "script/wss.h"

#include <lauxlib.h>
#include <string.h>
#include "http/origin.h"
#include "mailbox/command.h"
#include "script/args.h"
#include "script/compression.h"
#include "script/connection.h"
#include "script/datatype.h"
#include "script/failure.h"
#include "script/link_options.h"
#include "script/task.h"
#include "script/trial.h"
#include "script/webserver.h"
#include "script/webserver_reload.h"
#include "script/wss_reload.h"

#define NEW       "WebSocketServer.new"
#define OWN_PATHS "/.luaws/"

static void on_terminate_done(struct runtime *rt, struct task *t, bool ok);

// Making one -------------------------------------------------------------------------------------

static void set_defaults(struct server_config *c) {
  link_options_set_defaults(&c->link);
  c->max_connections = CONFIG_NONE;
  c->max_connections_per_address = CONFIG_NONE;
  c->answer_timeout = 10000;
  c->handler_timeout = CONFIG_NONE;
}

static void check_protocols(lua_State *L, const char *label, void *target) {
  const struct server_config *c = target;
  link_options_check_protocols(L, label, c->protocols);
}

static void check_origins(lua_State *L, const char *label, void *target) {
  const struct server_config *c = target;
  for (char **o = c->origins; *o; o++) {
    if (!http_origin_pattern_is_valid(span_of(*o)))
      args_error(L, "%s: '%s' is no origin (like https://example.com, https://*.example.com, *)",
                 label, *o);
  }
}

static void check_slow_consumer(lua_State *L, const char *label, void *target) {
  struct server_config *c = target;
  const char *policy = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  if (strcmp(policy, "drop") == 0)
    c->link.slow_consumer = SLOW_CONSUMER_DROP;
  else if (strcmp(policy, "close") != 0)
    args_error(L, "%s must be 'close' or 'drop', got %s", label, args_describe(L, -1));
}

static void check_compression(lua_State *L, const char *label, void *target) {
  struct server_config *c = target;
  compression_read(L, label, &c->link.compression);
}

static void check_web(lua_State *L, const char *label, void *target) {
  (void)target;
  if (!object_to(L, -1, &WEBSERVER_CLASS))
    args_error(L, "%s must be a WebServer, got %s", label, args_describe(L, -1));
}

#define AT(member) offsetof(struct server_config, member)

static const struct args_option OPTIONS[] = {
    {"path", ARGS_STRING, AT(path), false, NULL},
    {"dataType", ARGS_VALUE, 0, false, datatype_check},
    {"protocols", ARGS_STRINGS, AT(protocols), false, check_protocols},
    {"origins", ARGS_STRINGS, AT(origins), false, check_origins},
    {"maxConnections", ARGS_COUNT, AT(max_connections), true, NULL},
    {"maxConnectionsPerAddress", ARGS_COUNT, AT(max_connections_per_address), true, NULL},
    {"maxMessageRate", ARGS_COUNT, AT(link.max_message_rate), true, NULL},
    {"compression", ARGS_VALUE, 0, false, check_compression},
    {"answerTimeout", ARGS_SECONDS, AT(answer_timeout), true, NULL},
    {"handlerTimeout", ARGS_SECONDS, AT(handler_timeout), true, NULL},
    {"slowConsumer", ARGS_VALUE, 0, false, check_slow_consumer},
    {"web", ARGS_VALUE, 0, false, check_web},
    LINK_OPTIONS(struct server_config),
    {NULL, 0, 0, false, NULL},
};

// Reads the options at index 2 into `wss`, which is at index 3, and leaves its web server at 4.
static void read_options(lua_State *L, struct wss *wss) {
  struct server_config *c = wss->config = server_config_new();
  set_defaults(c);
  if (runtime_of(L)->options->watch) c->handler_timeout = BUDGET_WATCH_MS;
  args_read_options(L, 2, OPTIONS, c, NEW);
  link_options_settle(&c->link);
  if (lua_istable(L, 2) && lua_getfield(L, 2, "dataType") != LUA_TNIL)
    wss->data = (uint8_t)datatype_read(L, NEW ": option 'dataType'");
  lua_settop(L, 3);
  const char *why;
  struct span path = c->path ? span_of(c->path) : (struct span){NULL, 0};
  wss->pattern = http_pattern_new(path, &why);
  if (!wss->pattern) args_error(L, NEW ": path '%s' %s", c->path, why);
  if (!lua_istable(L, 2) || lua_getfield(L, 2, "web") == LUA_TNIL) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, runtime_of(L)->module);
    lua_getfield(L, -1, "webServer");
  }
  lua_insert(L, 4);
  lua_settop(L, 4);
  wss->web = lua_touserdata(L, 4);
}

static void push_close(struct runtime *rt, const struct wss *wss, unsigned reactor,
                       uint64_t timeout, bool is_leaving) {
  struct record *r = batch_push(&rt->outgoing[reactor].batch, COMMAND_SERVER_CLOSE, wss->config->id,
                                sizeof(struct command_close_server));
  *(struct command_close_server *)r->payload =
      (struct command_close_server){.timeout = timeout, .is_leaving = is_leaving};
}

static void push_close_to_all(struct runtime *rt, const struct wss *wss, uint64_t timeout,
                              bool is_leaving) {
  for (unsigned i = webserver_first(rt, wss->web); i < webserver_last(rt, wss->web); i++)
    push_close(rt, wss, i, timeout, is_leaving);
}

static void set_identity(struct runtime *rt, const struct wss *wss, struct server_config *c,
                         uint64_t id) {
  c->id = id;
  c->web = wss->web->id;
  c->owner = mailbox_ref(rt->mailbox);
  c->pool = rt->options->kin;
}

// Tells one reactor, and waits for its answer. The first one's may be the group of another worker's
// server, which the other reactors are told.
static struct event_reply add_to(struct runtime *rt, struct wss *wss, unsigned reactor) {
  uint64_t number = ++rt->last_call;
  struct record *r = batch_push(&rt->outgoing[reactor].batch, COMMAND_SERVER_ADD, number,
                                sizeof(struct command_server));
  *(struct command_server *)r->payload =
      (struct command_server){.config = server_config_ref(wss->config),
                              .reply_to = rt->mailbox,
                              .group = server_group_ref(wss->group)};
  struct event_reply reply = runtime_call(rt, number);
  if (!reply.ok) return reply;
  server_group_unref(wss->group);
  wss->group = reply.server;
  return reply;
}

// *is_first: no other worker has it already.
static bool add(struct runtime *rt, struct wss *wss, bool *is_first, struct err *err) {
  set_identity(rt, wss, wss->config, ++rt->last_id);
  wss->group = server_group_new();
  unsigned first = webserver_first(rt, wss->web), last = webserver_last(rt, wss->web);
  for (unsigned i = first; i < last; i++) {
    struct event_reply reply = add_to(rt, wss, i);
    if (i == first) *is_first = reply.is_first;
    if (reply.ok) continue;
    *err = reply.err;
    while (i-- > first)
      push_close(rt, wss, i, 0, true);
    return false;
  }
  return true;
}

static void push_plain_event(lua_State *L, const char *type) {
  lua_createtable(L, 0, 1);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "type");
}

// A task for a callback of the server's handler; the event is to be pushed.
static struct task *begin(struct runtime *rt, struct wss *wss, enum call call, const char *what,
                          void (*on_done)(struct runtime *, struct task *, bool)) {
  struct task *t = task_new(rt, what, on_done, wss);
  t->wss = wss;
  if (wss->web->is_wired) t->scope = SCOPE_WIRED;
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->calls[call]);
  wss_push(t->co, wss);
  lua_getiuservalue(t->co, -1, WSS_HANDLER);
  return t;
}

static void on_open_done(struct runtime *rt, struct task *t, bool ok) {
  t->wss->opening = NULL;
  if (!ok) wss_tell_error(rt, t->wss);
}

// (Paths of luaws's own are nobody's business.)
void wss_announce(lua_State *L, struct wss *wss) {
  wss->is_unannounced = false;
  const char *path = wss->config->path ? wss->config->path : "/";
  if (strncmp(path, OWN_PATHS, strlen(OWN_PATHS)) == 0) return;
  int top = lua_gettop(L);
  const char *url = webserver_push_url(L, wss->web, "ws", path);
  if (strncmp(url, "unix:", strlen("unix:")) == 0) url = lua_pushfstring(L, "%s on %s", path, url);
  webserver_announce("serving", url);
  lua_settop(L, top);
}

int wss_new(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  if (!lua_istable(L, 1))
    return args_error(L, NEW ": expected a handler (a table with a function onConnection), got %s",
                      args_describe(L, 1));
  lua_settop(L, 2);
  lua_getfield(L, 1, "onConnection");
  if (!args_is_callable(L, -1))
    return args_error(L, NEW ": the handler's onConnection must be a function, got a %s",
                      luaL_typename(L, -1));
  lua_pop(L, 1);
  struct wss *wss = object_new(L, &WSS_CLASS, sizeof *wss, WSS_USER_VALUES);
  list_init(&wss->node);
  list_init(&wss->connections);
  wss->ref = LUA_NOREF;
  read_options(L, wss);
  if (rt->preparing && wss_reload_take_over(L, wss)) return 1;
  struct err err;
  bool is_first = false;
  bool is_added = rt->phase == PHASE_RUNNING &&
                  (wss->web->is_running || webserver_start(L, wss->web, 4, &err)) &&
                  add(rt, wss, &is_first, &err);
  if (!is_added && runtime_is_stopping(rt)) return runtime_refuse_start(L, NEW);
  if (!is_added) return args_error(L, NEW ": %s", err.text);

  // The reactors have it: for want of memory nothing may go wrong any more.
  size_t limit = alloc_unbind(&rt->alloc);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, WSS_HANDLER);
  lua_setiuservalue(L, 3, WSS_WEB);
  lua_pushvalue(L, 3);
  wss->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  wss->scope = task_scope(rt);
  wss->place = trial_note_place(rt, L);
  webserver_claim(rt, wss->web);
  list_push(&rt->wsses, &wss->node);
  wss->is_unannounced = is_first && !wss->web->is_wired;
  if (wss->is_unannounced && !rt->preparing) wss_announce(L, wss);
  budget_note_limit(rt, wss->config->handler_timeout);
  wss->opening = begin(rt, wss, CALL_OPEN, "onOpen", on_open_done);
  push_plain_event(wss->opening->co, "open");
  task_defer(rt, wss->opening);
  rt->alloc.limit = limit;
  lua_settop(L, 3);
  return 1;
}

const char *wss_push_name(lua_State *L, const struct wss *wss) {
  const char *path = wss->config->path;
  return path ? lua_pushfstring(L, "path '%s'", path) : lua_pushliteral(L, "every path");
}

// Messages that were dropped under the old one are not forgotten: when all reactors have answered,
// nobody counts there any more.
void wss_change_config(struct runtime *rt, struct wss *wss, struct server_config *config) {
  struct server_config *old = wss->config;
  set_identity(rt, wss, config, old->id);
  for (unsigned i = webserver_first(rt, wss->web); i < webserver_last(rt, wss->web); i++) {
    uint64_t number = ++rt->last_call;
    struct record *r = batch_push(&rt->outgoing[i].batch, COMMAND_SERVER_UPDATE, number,
                                  sizeof(struct command_server));
    *(struct command_server *)r->payload =
        (struct command_server){.config = server_config_ref(config), .reply_to = rt->mailbox};
    runtime_call(rt, number);
  }
  atomic_fetch_add_explicit(&config->link.dropped, atomic_load(&old->link.dropped),
                            memory_order_relaxed);
  wss->config = config;
  server_config_unref(old);
}

static void forget(struct runtime *rt, struct wss *wss) {
  list_remove(&wss->node);
  luaL_unref(rt->L, LUA_REGISTRYINDEX, wss->ref);
  wss->ref = LUA_NOREF;
}

void wss_drop(struct runtime *rt, struct wss *wss) {
  push_close_to_all(rt, wss, 0, true);
  if (wss->opening) task_drop(rt, wss->opening);
  wss->opening = NULL;
  wss->state = WSS_TERMINATED;
  forget(rt, wss);
}

// Life -------------------------------------------------------------------------------------------

struct wss *wss_find(const struct runtime *rt, uint64_t id) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = LIST_ENTRY(i, struct wss, node);
    if (wss->config->id == id) return wss;
  }
  return NULL;
}

void wss_list(struct runtime *rt, unsigned scope, lua_State *L) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    const struct wss *wss = LIST_ENTRY(i, struct wss, node);
    if (wss->scope == scope) trial_add(L, "WebSocketServer", wss->place, NULL);
  }
}

void wss_end_scope(struct runtime *rt, unsigned scope) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = LIST_ENTRY(i, struct wss, node);
    if (wss->scope == scope) wss_terminate(rt, wss, 0);
  }
}

void wss_open_now(struct runtime *rt, struct wss *wss) {
  struct task *t = wss->opening;
  if (!t || t->state != TASK_FRESH) return;
  list_remove(&t->node);
  task_run(rt, t);
}

void wss_note_closing(struct wss *wss) {
  if (wss->state == WSS_TERMINATED) return;
  wss->state = WSS_CLOSING;
  for (struct list *i = wss->connections.next; i != &wss->connections; i = i->next) {
    struct link *link = &LIST_ENTRY(i, struct connection, node)->link;
    if (link->state == LINK_CONNECTED) link->state = LINK_CLOSING;
  }
}

void wss_terminate(struct runtime *rt, struct wss *wss, uint64_t timeout) {
  if (wss->state == WSS_TERMINATED) return;
  wss_note_closing(wss);
  push_close_to_all(rt, wss, timeout, false);
}

void wss_leave(struct runtime *rt, struct wss *wss) {
  if (wss->state == WSS_TERMINATED) return;
  wss_note_closing(wss);
  push_close_to_all(rt, wss, CONFIG_NONE, true);
}

void wss_change(struct runtime *rt, struct wss *wss) {
  wss_push(rt->L, wss);
  lua_pushnil(rt->L);
  lua_setiuservalue(rt->L, -2, WSS_CONNECTIONS);
  lua_pop(rt->L, 1);
}

void wss_on_closed(struct runtime *rt, struct wss *wss) {
  wss->closed++;
  wss_end_if_over(rt, wss);
}

void wss_end_if_over(struct runtime *rt, struct wss *wss) {
  unsigned reactors = webserver_last(rt, wss->web) - webserver_first(rt, wss->web);
  bool is_over = wss->closed == reactors && list_empty(&wss->connections);
  if (!is_over || wss->state == WSS_TERMINATED) return;
  wss->state = WSS_TERMINATED;
  uint64_t dropped = atomic_load_explicit(&wss->config->link.dropped, memory_order_relaxed);
  if (dropped > 0)
    log_debug("%llu messages to slow consumers were dropped", (unsigned long long)dropped);
  struct task *t = begin(rt, wss, CALL_TERMINATE, "onTerminate", on_terminate_done);
  push_plain_event(t->co, "terminate");
  uint64_t timeout = wss->config->link.close_timeout;
  if (timeout != CONFIG_NONE) task_cancel_at(rt, t, runtime_clock_of(rt, t->scope) + timeout);
  task_defer(rt, t);
}

static void on_terminate_done(struct runtime *rt, struct task *t, bool ok) {
  struct wss *wss = t->wss;
  if (!ok) wss_tell_error(rt, wss);
  forget(rt, wss);
}

void wss_tell_error(struct runtime *rt, struct wss *wss) {
  struct task *t = begin(rt, wss, CALL_ERROR, "onError", failure_done);
  lua_xmove(rt->L, t->co, 1);
  task_defer(rt, t);
}

void wss_tell(struct runtime *rt, struct wss *wss, const struct err *e, enum log_level level) {
  failure_push(rt->L, e, level, NULL, wss);
  wss_tell_error(rt, wss);
}
