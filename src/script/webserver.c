// Web servers: starting and stopping, their certificates and requests. Runs in the Lua thread.

#include "script/webserver.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "mailbox/command.h"
#include "script/answer.h"
#include "script/failure.h"
#include "script/path.h"
#include "script/request.h"
#include "script/task.h"
#include "script/trial.h"
#include "script/watch.h"
#include "script/webserver_reload.h"
#include "script/webserver_settings.h"
#include "script/wss.h"

#define UNIX_PREFIX "unix:"
#define LOOPBACK    "127.0.0.1"

static struct event_reply call(struct runtime *rt, struct webserver *web, enum command_type type,
                               unsigned reactor, const struct event_reply *first);
static void stop_reactors(struct runtime *rt, const struct webserver *web, unsigned last,
                          uint64_t timeout);
static bool has_handler(lua_State *L, int index);

struct webserver *webserver_new(lua_State *L) {
  struct webserver *web = object_new(L, &WEBSERVER_CLASS, sizeof *web, WEBSERVER_USER_VALUES);
  list_init(&web->node);
  web->ref = LUA_NOREF;
  web->ordinal = ++runtime_of(L)->last_web;
  web->settings = webserver_settings_new(LOOPBACK);
  return web;
}

// The first reactor's answer is what the others are told.
static bool start_reactors(struct runtime *rt, struct webserver *web, bool *is_first,
                           struct err *err) {
  unsigned at = webserver_first(rt, web), last = webserver_last(rt, web);
  struct event_reply first = call(rt, web, COMMAND_WEB_START, at, NULL);
  bool ok = first.ok;
  if (!ok) *err = first.err;
  for (unsigned i = at + 1; ok && i < last; i++) {
    struct event_reply reply = call(rt, web, COMMAND_WEB_START, i, &first);
    ok = reply.ok;
    web_group_unref(reply.web);
    if (ok) continue;
    *err = reply.err;
    stop_reactors(rt, web, i, 0);
  }
  counted_unref(first.tls);
  if (!ok) {
    web_group_unref(first.web);
    return false;
  }
  *is_first = first.is_first;
  web->group = first.web;
  web->is_guest = first.is_guest;
  web->port = first.web->port;
  return true;
}

bool webserver_start(lua_State *L, struct webserver *web, int index, struct err *err) {
  struct runtime *rt = runtime_of(L);
  bool is_first;
  web->id = ++rt->last_id; // what still comes about an earlier run is none of this one's business
  web->settings->has_handler = has_handler(L, index);
  if (!start_reactors(rt, web, &is_first, err)) return false;

  // The reactors have it: for want of memory nothing may go wrong any more.
  size_t limit = alloc_unbind(&rt->alloc);
  web->is_running = true;
  web->scope = task_scope(rt);
  web->place = trial_note_place(rt, L);
  webserver_claim(rt, web);
  list_push(&rt->webservers, &web->node);
  lua_pushvalue(L, index);
  web->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  bool is_open =
      web->settings->has_handler || web->settings->root || (web->is_default && rt->options->root);
  if (!web->is_wired) watch_on_web(rt);
  web->is_unannounced = is_first && is_open && !web->is_wired;
  if (web->is_unannounced && !rt->preparing) webserver_announce_open(L, web);
  rt->alloc.limit = limit;
  return true;
}

bool webserver_update(lua_State *L, struct webserver *web, int index, struct err *err) {
  struct runtime *rt = runtime_of(L);
  if (web->is_guest) return true; // its settings count for nothing
  web->settings->has_handler = has_handler(L, index);
  for (unsigned i = webserver_first(rt, web); i < webserver_last(rt, web); i++) {
    struct event_reply reply = call(rt, web, COMMAND_WEB_UPDATE, i, NULL);
    if (reply.ok) continue;
    *err = reply.err;
    return false;
  }
  watch_on_web(rt);
  return true;
}

// Certificates ------------------------------------------------------------------------------------

static bool read_certificates(struct runtime *rt, struct webserver *web, struct err *err) {
  struct event_reply first = call(rt, web, COMMAND_TLS_RELOAD, 0, NULL);
  bool ok = first.ok;
  if (!ok) *err = first.err;
  for (unsigned i = 1; ok && i < rt->reactor_count; i++) {
    struct event_reply reply = call(rt, web, COMMAND_TLS_RELOAD, i, &first);
    ok = reply.ok;
    if (!ok) *err = reply.err;
  }
  counted_unref(first.tls);
  return ok;
}

bool webserver_reload_tls(lua_State *L, struct webserver *web, struct err *err) {
  struct runtime *rt = runtime_of(L);
  const char *url = webserver_push_url(L, web, "http", "/");
  bool ok = false;
  if (!web->is_running)
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "%s is not running", url);
  else if (web->is_guest)
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "%s has the settings of another worker", url);
  else if (!webserver_is_secure(rt, web))
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "%s has no certificates: it doesn't speak TLS",
            url);
  else if ((ok = read_certificates(rt, web, err)))
    log_info("%s: the certificates have been read again", url);
  else
    log_error("%s: the certificates in use stay: %s", url, err->text);
  lua_pop(L, 1);
  return ok;
}

bool webserver_change_tls(lua_State *L, struct webserver *web, struct err *err) {
  struct runtime *rt = runtime_of(L);
  if (webserver_is_tls_given(rt, web)) return true;
  struct web_config *settings = web->settings;
  web->settings = web->draft;
  bool ok = !webserver_is_secure(rt, web) || webserver_reload_tls(L, web, err);
  web->settings = settings;
  return ok;
}

// Workers with the same script have the same web servers: the first one that comes reads.
static bool is_seen_to(struct web_group *group, uint64_t number) {
  uint64_t seen = atomic_load(&group->hangups);
  while (seen < number) {
    if (atomic_compare_exchange_weak(&group->hangups, &seen, number)) return false;
  }
  return true;
}

void webserver_on_hangup(struct runtime *rt, uint64_t number) {
  unsigned count = 0;
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    struct webserver *web = LIST_ENTRY(i, struct webserver, node);
    struct err err;
    if (!webserver_is_secure(rt, web) || web->is_guest) continue;
    count++;
    if (!is_seen_to(web->group, number)) webserver_reload_tls(rt->L, web, &err);
  }
  if (count == 0 && !rt->options->pool->ballot && !rt->options->name)
    log_info("SIGHUP: there are no certificates and no script's file to read again");
}

// One reactor alone closes its port before its connections.
static void stop_listening(struct runtime *rt, const struct webserver *web) {
  unsigned first = webserver_first(rt, web), last = webserver_last(rt, web);
  for (unsigned i = first; i < last && last - first > 1; i++) {
    uint64_t number = ++rt->last_call;
    struct record *r = batch_push(&rt->outgoing[i].batch, COMMAND_WEB_UNLISTEN, number,
                                  sizeof(struct command_unlisten));
    *(struct command_unlisten *)r->payload =
        (struct command_unlisten){.web = web->id, .reply_to = rt->mailbox};
    runtime_call(rt, number);
  }
}

static void note_stopped(struct runtime *rt, struct webserver *web) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = LIST_ENTRY(i, struct wss, node);
    if (wss->web == web) wss_note_closing(wss);
  }
  web->is_running = false;
  mem_free(web->place);
  web->place = NULL;
  web_group_unref(web->group);
  web->group = NULL;
  list_remove(&web->node);
  luaL_unref(rt->L, LUA_REGISTRYINDEX, web->ref);
  web->ref = LUA_NOREF;
}

void webserver_stop(struct runtime *rt, struct webserver *web, uint64_t timeout) {
  if (!web->is_running) return;
  stop_listening(rt, web);
  stop_reactors(rt, web, webserver_last(rt, web), timeout);
  note_stopped(rt, web);
}

void webserver_end(struct runtime *rt, struct webserver *web) {
  webserver_stop(rt, web, web->is_wired ? 0 : CONFIG_NONE);
}

// True: others go on with it. The first reactor has then let this worker go, which tells the
// others.
static bool try_to_leave(struct runtime *rt, const struct webserver *web, unsigned reactor) {
  uint64_t number = ++rt->last_call;
  struct record *r = batch_push(&rt->outgoing[reactor].batch, COMMAND_WEB_LEAVE, number,
                                sizeof(struct command_web_leave));
  *(struct command_web_leave *)r->payload =
      (struct command_web_leave){.web = web->id, .reply_to = rt->mailbox};
  return runtime_call(rt, number).ok;
}

void webserver_leave(struct runtime *rt, struct webserver *web, uint64_t timeout) {
  unsigned first = webserver_first(rt, web);
  if (web->is_wired || !try_to_leave(rt, web, first)) {
    webserver_stop(rt, web, timeout);
    return;
  }
  for (unsigned i = first + 1; i < webserver_last(rt, web); i++)
    try_to_leave(rt, web, i);
  note_stopped(rt, web);
}

static struct webserver *find(const struct runtime *rt, uint64_t id) {
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    struct webserver *web = LIST_ENTRY(i, struct webserver, node);
    if (web->id == id) return web;
  }
  return NULL;
}

void webserver_on_stopped(struct runtime *rt, uint64_t id) {
  struct webserver *web = find(rt, id);
  if (web) note_stopped(rt, web);
}

const char *webserver_host(const struct runtime *rt, const struct webserver *web) {
  if (web->is_running) return web->group->name;
  if (rt->options->on_free_ports) return LOOPBACK;
  bool is_set = web->is_default && rt->options->host;
  return is_set ? rt->options->host : web->settings->host;
}

uint16_t webserver_wanted_port(const struct runtime *rt, const struct webserver *web) {
  if (rt->options->on_free_ports) return 0;
  bool is_set = web->is_default && rt->options->port >= 0;
  return is_set ? (uint16_t)rt->options->port : web->settings->port;
}

uint16_t webserver_port(const struct runtime *rt, const struct webserver *web) {
  return web->is_running ? web->port : webserver_wanted_port(rt, web);
}

bool webserver_is_tls_given(const struct runtime *rt, const struct webserver *web) {
  return (web->is_default || web->is_trial) && rt->options->tls;
}

// The clients of --estimate speak no TLS, those of tests where they want it.
bool webserver_is_secure(const struct runtime *rt, const struct webserver *web) {
  if (web->is_running && web->is_guest) return web->group->is_secure;
  if (rt->options->on_free_ports && !web->is_trial) return false;
  return webserver_is_tls_given(rt, web) || web->settings->tls_count > 0;
}

const char *webserver_push_url(lua_State *L, const struct webserver *web, const char *scheme,
                               const char *path) {
  const struct runtime *rt = runtime_of(L);
  const char *host = webserver_host(rt, web);
  if (strncmp(host, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) return lua_pushstring(L, host);
  const char *format = strchr(host, ':') ? "%s%s://[%s]:%d%s" : "%s%s://%s:%d%s";
  const char *s = webserver_is_secure(rt, web) ? "s" : "";
  return lua_pushfstring(L, format, scheme, s, host, (int)webserver_port(rt, web), path);
}

const char *webserver_folder(const struct runtime *rt, const struct webserver *web) {
  return web->folder ? web->folder : rt->folder;
}

char *webserver_root(const struct runtime *rt, const struct webserver *web) {
  if (web->is_default && rt->options->root)
    return path_resolve(rt->options->working, rt->options->root);
  return web->settings->root ? path_resolve(webserver_folder(rt, web), web->settings->root) : NULL;
}

void webserver_announce_open(lua_State *L, struct webserver *web) {
  web->is_unannounced = false;
  webserver_announce("open", webserver_push_url(L, web, "http", "/"));
  lua_pop(L, 1);
}

void webserver_announce(const char *verb, const char *what) {
  if (!log_enabled(LOG_INFO)) return;
  if (log_is_json())
    log_info("%s %s", verb, what);
  else
    fprintf(stderr, "luaws: %s %s\n", verb, what);
}

void webserver_list(struct runtime *rt, unsigned scope, lua_State *L) {
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    const struct webserver *web = LIST_ENTRY(i, struct webserver, node);
    if (web->scope == scope) trial_add(L, "WebServer", web->place, NULL);
  }
}

void webserver_end_scope(struct runtime *rt, unsigned scope) {
  for (struct list *i = rt->webservers.next, *next; i != &rt->webservers; i = next) {
    next = i->next;
    struct webserver *web = LIST_ENTRY(i, struct webserver, node);
    if (web->scope == scope) webserver_stop(rt, web, 0);
  }
}

// Requests ---------------------------------------------------------------------------------------

static void pass(struct runtime *rt, uint64_t handle) {
  batch_push(&rt->outgoing[event_handle_reactor(handle)].batch, COMMAND_PASS, handle, 0);
}

// The task's owner is the request's handle. If the client has got its 503 meanwhile, the handle is
// dead.
static void on_request_done(struct runtime *rt, struct task *t, bool ok) {
  uint64_t handle = (uint64_t)(uintptr_t)t->owner;
  struct batch *batch = &rt->outgoing[event_handle_reactor(handle)].batch;
  if (!ok) {
    failure_tell_script(rt->L);
    answer_push_status(batch, COMMAND_RESPOND, handle, 500);
  } else if (lua_isnil(t->co, 1)) {
    pass(rt, handle);
  } else {
    answer_push(batch, COMMAND_RESPOND, handle, t->co, 2);
  }
}

void webserver_on_request(struct runtime *rt, const struct record *record) {
  const struct event_request *request = (const struct event_request *)record->payload;
  struct webserver *web = find(rt, request->server);
  if (!web || !web->settings->has_handler) {
    pass(rt, record->id);
    return;
  }
  struct task *t = task_new(rt, "onRequest", on_request_done, (void *)(uintptr_t)record->id);
  lua_State *co = t->co;
  lua_rawgeti(co, LUA_REGISTRYINDEX, rt->calls[CALL_REQUEST]);
  lua_rawgeti(co, LUA_REGISTRYINDEX, web->ref);
  lua_getiuservalue(co, -1, WEBSERVER_HANDLER);
  lua_createtable(co, 0, 2);
  lua_pushliteral(co, "request");
  lua_setfield(co, -2, "type");
  request_push(co, request, NULL, true);
  lua_setfield(co, -2, "request");
  task_run(rt, t);
}

// Commands ---------------------------------------------------------------------------------------

// `first`: what the first reactor has answered, for the others.
static struct event_reply call(struct runtime *rt, struct webserver *web, enum command_type type,
                               unsigned reactor, const struct event_reply *first) {
  uint64_t number = ++rt->last_call;
  struct batch *batch = &rt->outgoing[reactor].batch;
  struct record *r = batch_push(batch, type, number, sizeof(struct command_web));
  *(struct command_web *)r->payload =
      (struct command_web){.config = webserver_settings_make(rt, web),
                           .reply_to = rt->mailbox,
                           .group = first && first->web ? web_group_ref(first->web) : NULL,
                           .tls = first ? counted_ref(first->tls) : NULL};
  return runtime_call(rt, number);
}

static void stop_reactors(struct runtime *rt, const struct webserver *web, unsigned last,
                          uint64_t timeout) {
  for (unsigned i = webserver_first(rt, web); i < last; i++) {
    struct record *r = batch_push(&rt->outgoing[i].batch, COMMAND_WEB_STOP, web->id,
                                  sizeof(struct command_close_server));
    ((struct command_close_server *)r->payload)->timeout = timeout;
  }
}

static bool has_handler(lua_State *L, int index) {
  bool has = lua_getiuservalue(L, index, WEBSERVER_HANDLER) == LUA_TTABLE;
  lua_pop(L, 1);
  return has;
}
