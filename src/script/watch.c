// What lua/luaws/watch.lua is given, and how it is called. Runs in the Lua thread.

#include "script/watch.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/mem.h"
#include "mailbox/ballot.h"
#include "script/task.h"
#include "script/webserver.h"

#define MODULE "luaws.watch"

// Where served pages hear that they are to be loaded again: a WebSocket server of luaws's own.
#define REFRESH_PATH "/.luaws/refresh"

// It loads the page again when it is told to, and when luaws is back after it has been gone.
#define PAGE_TAIL                                                                                  \
  "\n<script>(function c(again){const s=new "                                                      \
  "WebSocket(location.origin.replace('http','ws')+'" REFRESH_PATH                                  \
  "');s.onmessage=()=>location.reload();s.onopen=()=>again&&location.reload();"                    \
  "s.onclose=()=>setTimeout(c,1000,true)})()</script>\n"

// webs() -> array of { web =, root = }: the web servers that run and have a root
static int push_webs(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  size_t limit = alloc_unbind(&rt->alloc); // an error would lose a root's name
  lua_newtable(L);
  lua_Integer count = 0;
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    const struct webserver *web = LIST_ENTRY(i, struct webserver, node);
    char *root = webserver_root(rt, web);
    if (!root) continue;
    lua_createtable(L, 0, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, web->ref);
    lua_setfield(L, -2, "web");
    lua_pushstring(L, root);
    lua_setfield(L, -2, "root");
    lua_rawseti(L, -2, ++count);
    mem_free(root);
  }
  rt->alloc.limit = limit;
  return 1;
}

// reload(what): asks all workers for a reload
static int call_reload(lua_State *L) {
  ballot_call(runtime_of(L)->options->pool->ballot, luaL_checkstring(L, 1));
  return 0;
}

static void push_native(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"webs", push_webs}, {"reload", call_reload}, {NULL, NULL}};
  const struct runtime *rt = runtime_of(L);
  char path[PATH_MAX];
  const char *script = realpath(rt->options->script, path);
  luaL_newlib(L, FUNCTIONS);
  lua_pushstring(L, script ? script : rt->options->script);
  lua_setfield(L, -2, "script");
  lua_pushstring(L, rt->folder);
  lua_setfield(L, -2, "folder");
  lua_pushstring(L, rt->options->watch_folder);
  lua_setfield(L, -2, "tree");
  lua_pushliteral(L, REFRESH_PATH);
  lua_setfield(L, -2, "refreshPath");
  lua_pushnumber(L, (lua_Number)(clock_ms() - rt->options->pool->stats.started_at) / 1000);
  lua_setfield(L, -2, "age");
}

// Pushes the module's function of that name.
static void push_function(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, MODULE);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
}

// start()
static int start(lua_State *L) {
  push_function(L, "start");
  push_native(L);
  lua_call(L, 1, 0);
  return 0;
}

// tell(name, value): calls the function of that name, once the module has started
static int tell(lua_State *L) {
  push_function(L, lua_tostring(L, 1));
  lua_pushvalue(L, 2);
  lua_call(L, 1, 0);
  return 0;
}

static bool is_watching(const struct runtime *rt) {
  return rt->options->watch && rt->options->index == 0;
}

// In a task of its own: a script may be running. `value`: a string or NULL.
static void call(struct runtime *rt, const char *function, const char *value) {
  if (!is_watching(rt)) return;
  size_t limit = alloc_unbind(&rt->alloc); // nothing catches an error on the new task's stack
  struct task *t = task_new(rt, "watch", task_done_alone, NULL);
  lua_pushcfunction(t->co, tell);
  lua_pushstring(t->co, function);
  lua_pushstring(t->co, value);
  rt->alloc.limit = limit;
  task_defer(rt, t);
}

// Workers by name have web servers of their own, whose files nobody watches.
const char *watch_page_tail(const struct runtime *rt) {
  return rt->options->watch && !rt->options->name ? PAGE_TAIL : NULL;
}

void watch_start(struct runtime *rt) {
  if (!is_watching(rt)) return;
  struct task *t = task_new(rt, "watch", task_done_alone, NULL);
  lua_pushcfunction(t->co, start);
  task_run(rt, t); // at once: what is saved from now on counts
}

void watch_on_web(struct runtime *rt) {
  call(rt, "onWeb", NULL);
}

void watch_on_files(struct runtime *rt) {
  if (!is_watching(rt)) return;
  char text[40];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(text, sizeof text, "%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
  call(rt, "onFiles", text);
}

void watch_on_reload(struct runtime *rt, const char *why) {
  call(rt, "onReload", why);
}
