// Errors on their way to a script and to the log. Runs in the Lua thread.

#include "script/failure.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "mailbox/stats.h"
#include "script/websocket.h"
#include "script/connection.h"
#include "script/task.h"
#include "script/trial.h"
#include "script/vm.h"
#include "script/wss.h"

enum { FIELDS_MAX = 5 };

static void print(struct runtime *rt);
static void push_event(lua_State *L, int code, const char *component);
static void push_message(struct runtime *rt, struct task *t);
static void explain(struct runtime *rt, struct task *t, int *code);
static void write_log(enum log_level level, lua_State *L, const char *what, const struct link *link,
                      const struct wss *wss);

void failure_push_task(struct runtime *rt, struct task *t, enum failure_kind kind) {
  lua_State *L = rt->L;
  int code = 0; // a script's own error
  if (kind == FAILURE_YIELDED) {
    code = ERR_CODE_YIELD;
    lua_pushfstring(L,
                    "%s has yielded outside luaws's waiting functions: coroutine.yield works in "
                    "coroutines of your own; to wait use luaws.sleep or luaws.await",
                    t->what);
  } else {
    push_message(rt, t);
    explain(rt, t, &code);
  }
  vm_traceback(L, t->co);
  if (t->is_main && !t->is_refused)
    print(rt);
  else if (!t->is_main)
    write_log(LOG_ERROR, L, t->what, t->link, t->wss);
  push_event(L, code ? code : 1, code ? ERR_LUAW : ERR_LUA_);
  if (rt->trial) trial_keep_error(L, t->what);
}

void failure_push(lua_State *L, const struct err *e, enum log_level level, const struct link *link,
                  const struct wss *wss) {
  lua_pushstring(L, e->text);
  lua_pushliteral(L, "");
  write_log(level, L, NULL, link, wss);
  push_event(L, e->code, e->component);
}

void failure_warn_busy(struct runtime *rt, lua_State *L, uint64_t ms) {
  const struct task *t = rt->current;
  lua_State *host = rt->L;
  lua_pushfstring(host, "a callback has been computing for %f s", (lua_Number)ms / 1000);
  vm_traceback(host, L);
  write_log(LOG_WARN, host, t ? t->what : NULL, t ? t->link : NULL, t ? t->wss : NULL);
  lua_pop(host, 2);
}

void failure_warn_caught(struct runtime *rt) {
  const struct task *t = rt->current;
  lua_State *host = rt->L;
  lua_pushliteral(
      host, "a callback was interrupted, for it has computed too long, and has caught that error");
  lua_pushliteral(host, "");
  write_log(LOG_WARN, host, t->what, t->link, t->wss);
  lua_pop(host, 2);
}

void failure_tell_script(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  struct task *t = task_new(rt, "luaws.onError", failure_done, NULL);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->calls[CALL_FAILED]);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->module);
  lua_xmove(L, t->co, 1);
  task_defer(rt, t);
}

void failure_done(struct runtime *rt, struct task *t, bool ok) {
  (void)t;
  if (!ok) lua_pop(rt->L, 1);
}

void failure_print(struct runtime *rt) {
  lua_pushliteral(rt->L, "");
  print(rt);
  lua_pop(rt->L, 2);
}

// Prints the message and the traceback on top, which stay. Of the workers that run the script the
// first one to fail speaks for all.
static void print(struct runtime *rt) {
  if (atomic_exchange(&rt->options->pool->has_failed, true)) return;
  const char *traceback = lua_tostring(rt->L, -1);
  fprintf(stderr, "luaws: %s%s%s\n", lua_tostring(rt->L, -2), traceback[0] ? "\n" : "", traceback);
}

// Makes the event out of the message and the traceback on top, which it takes.
static void push_event(lua_State *L, int code, const char *component) {
  stats_error(runtime_of(L)->stats, component);
  lua_createtable(L, 0, 2); // event
  lua_pushliteral(L, "error");
  lua_setfield(L, -2, "type");
  lua_createtable(L, 1, 0); // errors
  lua_createtable(L, 0, 4); // errors[1]
  lua_pushinteger(L, code);
  lua_setfield(L, -2, "errCode");
  lua_pushstring(L, component);
  lua_setfield(L, -2, "componentSignature");
  lua_pushvalue(L, -5);
  lua_setfield(L, -2, "message");
  if (lua_rawlen(L, -4) > 0) {
    lua_pushvalue(L, -4);
    lua_setfield(L, -2, "traceback");
  }
  lua_rawseti(L, -2, 1);
  lua_setfield(L, -2, "errors");
  lua_replace(L, -3);
  lua_pop(L, 1);
}

static int call_tolstring(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

// Pushes the text of the error value on top of the task's stack, which keeps it. A value's own
// __tostring is a script's code: it may raise.
static void push_message(struct runtime *rt, struct task *t) {
  lua_State *L = rt->L;
  lua_pushvalue(t->co, -1);
  lua_xmove(t->co, L, 1);
  int type = lua_type(L, -1);
  if (type == LUA_TSTRING) return;
  if (type == LUA_TNUMBER || luaL_getmetafield(L, -1, "__tostring") != LUA_TNIL) {
    if (type != LUA_TNUMBER) lua_pop(L, 1);
    lua_pushcfunction(L, call_tolstring);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
    lua_pop(L, 1);
    lua_pushfstring(L, "(error object is a %s value whose __tostring raises)",
                    lua_typename(L, type));
    return;
  }
  lua_pop(L, 1);
  lua_pushfstring(L, "(error object is a %s value)", lua_typename(L, type));
}

// Errors that are luaws's own get its code; *code stays 0 for others. May replace the message on
// top.
static void explain(struct runtime *rt, struct task *t, int *code) {
  lua_State *L = rt->L;
  const char *message = lua_tostring(L, -1);
  *code = t->is_cancelled ? ERR_CODE_CANCELLED : t->error_code;
  if (*code != 0) return;
  const char *attempt = strstr(message, "attempt to ");
  if (!attempt || !vm_has_own_frame_on_top(t->co)) return;
  *code = ERR_CODE_BAD_HANDLER;
  lua_pushfstring(L, "the handler's %s can't be called: %s", t->what, attempt);
  lua_remove(L, -2);
}

static struct log_field make_string(const char *key, const char *text) {
  return (struct log_field){.key = key, .kind = LOG_STRING, .string = text, .length = strlen(text)};
}

// One entry out of the message and the traceback on top, which stay.
static void write_log(enum log_level level, lua_State *L, const char *what, const struct link *link,
                      const struct wss *wss) {
  if (!log_enabled(level)) return;
  struct log_field fields[FIELDS_MAX];
  size_t count = 0;
  if (what) fields[count++] = make_string("in", what);
  const char *worker = runtime_of(L)->options->name;
  if (worker) fields[count++] = make_string("worker", worker);
  bool is_client = link && !link_kind(link)->has_server;
  if (is_client) fields[count++] = make_string("url", websocket_of(link)->shown_url);
  if (link && !is_client) wss = connection_of(link)->wss;
  if (wss) fields[count++] = make_string("server", wss->config->path ? wss->config->path : "*");
  if (link)
    fields[count++] = (struct log_field){.key = is_client ? "client" : "connection",
                                         .kind = LOG_INTEGER,
                                         .integer = (int64_t)link->id};
  lua_pushvalue(L, -2);
  if (lua_rawlen(L, -2) > 0) {
    lua_pushliteral(L, "\n");
    lua_pushvalue(L, -3);
    lua_concat(L, 3);
  }
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  log_write(level, text, length, fields, count);
  lua_pop(L, 1);
}
