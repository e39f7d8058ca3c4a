// What lua/luaws/reload.lua needs of C, and luaws.reload. Runs in the Lua thread.

#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "mailbox/ballot.h"
#include "script/args.h"
#include "script/connection.h"
#include "script/lib.h"
#include "script/reload.h"
#include "script/scope.h"
#include "script/task.h"
#include "script/webserver_reload.h"
#include "script/vm.h"
#include "script/websocket.h"
#include "script/watch.h"
#include "script/wss_reload.h"

enum { TOP_LEVEL_MS = 5000 }; // how long the script and its modules may take to load

// luaws.reload() -> true | nil, why
int lib_reload_ask(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  const char *why = reload_refusal(rt);
  if (!why && !ballot_call(rt->options->pool->ballot, "by the script"))
    why = "luaws is shutting down";
  if (why) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

// refusal() -> why the script can't be reloaded, or nil
static int refusal(lua_State *L) {
  lua_pushstring(L, reload_refusal(runtime_of(L)));
  return 1;
}

// resolve(path) -> the absolute path, without links; nil: there is no such file
static int resolve(lua_State *L) {
  char path[PATH_MAX];
  lua_pushstring(L, realpath(luaL_checkstring(L, 1), path));
  return 1;
}

// findFolder() -> that of the script: absolute, without links; where it is now
static int find_folder(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  vm_find_folder(rt);
  lua_pushstring(L, rt->folder);
  return 1;
}

// isEmpty(path) -> whether there is nothing in that file
static int is_empty(lua_State *L) {
  struct stat st;
  lua_pushboolean(L, stat(luaL_checkstring(L, 1), &st) == 0 && st.st_size == 0);
  return 1;
}

// isCallback() -> whether what is started now belongs to no generation
static int is_callback(lua_State *L) {
  lua_pushboolean(L, task_scope(runtime_of(L)) == SCOPE_NONE);
  return 1;
}

// begin() -> mark: the next generation is being prepared
static int begin(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  rt->preparing = rt->generation + 1;
  lua_pushinteger(L, rt->last_web);
  return 1;
}

// run(function, ...) -> true | false, error value, traceback
static int run(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  int count = lua_gettop(L);
  struct task *t = task_new(rt, "script", task_done_alone, NULL);
  t->scope = rt->preparing;
  task_take(rt, t, L, count);
  bool ok = task_run_inside(rt, t, L, TOP_LEVEL_MS);
  lua_pushboolean(L, ok);
  lua_insert(L, 1);
  return lua_gettop(L);
}

// runScript(code or nil, script) -> as run
static int run_script(lua_State *L) {
  const struct runtime *rt = runtime_of(L);
  lua_settop(L, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->calls[CALL_MAIN]);
  lua_insert(L, 1);
  for (char **argument = rt->options->args; argument && *argument; argument++) {
    luaL_checkstack(L, 1, "too many arguments");
    lua_pushstring(L, *argument);
  }
  return run(L);
}

// takenServers() -> array of { server, its new handler }
static int taken_servers(lua_State *L) {
  lua_newtable(L);
  wss_reload_list_taken(runtime_of(L), L);
  return 1;
}

// takenHandlers() -> array of { a web server's handler, its new one }
static int taken_handlers(lua_State *L) {
  lua_newtable(L);
  webserver_reload_list_taken(runtime_of(L), L);
  return 1;
}

// servers() -> array of the WebSocket servers that there will be
static int servers(lua_State *L) {
  lua_newtable(L);
  wss_reload_list(runtime_of(L), L);
  return 1;
}

// clients() -> array of the clients that are open and go on
static int clients(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  lua_newtable(L);
  websocket_push_others(rt, rt->generation, L);
  return 1;
}

// The function is at index 1, the value on top.
static void call_map(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}

// map(function): lets it replace each value that the new generation has left with luaws: functions
// of timers, tasks and their arguments, handlers.
static int map(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  lib_timer_map(rt, rt->preparing, L, call_map);
  task_map(rt, rt->preparing, L, call_map);
  websocket_map(rt, rt->preparing, L, call_map);
  wss_reload_map(rt, L, call_map);
  webserver_reload_map(rt, L, call_map);
  return 0;
}

// commit() -> notes
static int commit(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  unsigned old = rt->generation;
  lua_newtable(L);
  wss_reload_commit(rt, L);
  webserver_reload_commit(rt, L);
  rt->generation = rt->preparing;
  rt->preparing = 0;
  rt->is_loaded = true; // though the first main chunk may have waited until now
  scope_end(rt, old);
  websocket_dial_scope(rt, rt->generation);
  return 1;
}

// rollback(mark)
static int rollback(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  rt->last_web = (unsigned)luaL_checkinteger(L, 1);
  wss_reload_rollback(rt);
  webserver_reload_rollback(rt);
  websocket_drop_scope(rt, rt->preparing);
  scope_end(rt, rt->preparing);
  rt->preparing = 0;
  return 0;
}

// tell(ws): its handler's onReload is to be called, of a connection's or client's
static int tell(lua_State *L) {
  struct link *link = object_to(L, 1, CONNECTION_CLASS);
  if (!link) link = object_to(L, 1, WEBSOCKET_CLASS);
  if (link && link_is_open(link)) link_hold_reload(runtime_of(L), link);
  return 0;
}

// tellOfFiles(): further files of the project have been opened
static int tell_of_files(lua_State *L) {
  watch_on_files(runtime_of(L));
  return 0;
}

void lib_reload_push(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"refusal", refusal},
                                       {"resolve", resolve},
                                       {"findFolder", find_folder},
                                       {"isEmpty", is_empty},
                                       {"isCallback", is_callback},
                                       {"begin", begin},
                                       {"run", run},
                                       {"runScript", run_script},
                                       {"takenServers", taken_servers},
                                       {"takenHandlers", taken_handlers},
                                       {"servers", servers},
                                       {"clients", clients},
                                       {"map", map},
                                       {"commit", commit},
                                       {"rollback", rollback},
                                       {"tell", tell},
                                       {"tellOfFiles", tell_of_files},
                                       {NULL, NULL}};
  const struct worker_options *options = runtime_of(L)->options;
  luaL_newlib(L, FUNCTIONS);
  lua_pushstring(L, options->script);
  lua_setfield(L, -2, "script");
  lua_pushstring(L, options->code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, options->watch_folder);
  lua_setfield(L, -2, "tree");
}
