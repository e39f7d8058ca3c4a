// What luaws test is told by the runtime. Runs in the Lua thread.

#include "script/trial.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "script/budget.h"
#include "script/failure.h"
#include "script/fold.h"
#include "script/lib.h"
#include "script/object.h"
#include "script/scope.h"
#include "script/task.h"
#include "script/uvloop.h"
#include "script/vm.h"
#include "script/wait.h"
#include "script/webserver.h"
#include "script/websocket.h"
#include "script/wss.h"

// Their addresses are keys of the registry: of an array, see trial_keep_error;
static const char ERRORS_KEY;
static const char HOOK_KEY; // and of the function that trial.hook calls.

enum { LOG_SHOWN = 64 * 1024 }; // bytes of what a test has brought into the log

struct trial {
  struct task *runner; // in which the specs run
  unsigned last_scope;
  unsigned handles; // on luv's loop, before the first test
  uint32_t limit;   // ms, see trial_limit
  int log;          // a file that gets the log; -1: stderr gets it
  // The hook that all tasks have, luacov's for one; NULL: none.
  lua_Hook hook;
  int hook_mask, hook_count;
};

static struct trial *trial_of(lua_State *L) {
  return runtime_of(L)->trial;
}

// newScope() -> a scope that nothing has yet
static int new_scope(lua_State *L) {
  lua_pushinteger(L, ++trial_of(L)->last_scope);
  return 1;
}

// enter(scope) -> the one before: what the running task starts from now on has this one
static int enter(lua_State *L) {
  struct task *t = runtime_of(L)->current;
  lua_pushinteger(L, t->scope);
  t->scope = (unsigned)luaL_checkinteger(L, 1);
  return 1;
}

void trial_add(lua_State *L, const char *what, const char *place, lua_State *co) {
  lua_createtable(L, 0, 3);
  lua_pushstring(L, what);
  lua_setfield(L, -2, "what");
  lua_pushstring(L, place);
  lua_setfield(L, -2, "place");
  size_t limit = alloc_unbind(&runtime_of(L)->alloc); // an error would lose it
  char *at = co ? args_copy_place(co) : NULL;
  lua_pushstring(L, at);
  mem_free(at);
  runtime_of(L)->alloc.limit = limit;
  lua_setfield(L, -2, "at");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

// running(scope) -> array of what runs that has it: trial_add
static int list_running(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  unsigned scope = (unsigned)luaL_checkinteger(L, 1);
  lua_newtable(L);
  lib_timer_list(rt, scope, L);
  task_list(rt, scope, L);
  websocket_list(rt, scope, L);
  wss_list(rt, scope, L);
  webserver_list(rt, scope, L);
  if (uvloop_count_handles(rt) > rt->trial->handles) uvloop_list(rt, scope, L);
  return 1;
}

// finish(scope): ends it
static int finish(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  unsigned scope = (unsigned)luaL_checkinteger(L, 1);
  scope_end(rt, scope);
  wss_end_scope(rt, scope);
  webserver_end_scope(rt, scope);
  return 0;
}

// cancelCallbacks() -> array of the handlers' callbacks that wait, which are cancelled: trial_add
static int cancel_callbacks(lua_State *L) {
  lua_newtable(L);
  task_cancel_callbacks(runtime_of(L), L);
  return 1;
}

// callOff(reason): what the specs wait for now, or next, raises that; nil: nothing does any more
static int call_off(lua_State *L) {
  struct task *runner = trial_of(L)->runner;
  lua_settop(L, 1);
  if (lua_isnil(L, 1))
    runner->is_called_off = false;
  else
    wait_call_off(L, runner);
  return 0;
}

// prepareWeb(web, folder, isSecure): where a new WebServer's relative paths start, and whether it
// speaks TLS, whatever the script says
static int prepare_web(lua_State *L) {
  struct webserver *web = object_self(L, &WEBSERVER_CLASS, "prepareWeb");
  web->is_trial = lua_toboolean(L, 3);
  const char *folder = luaL_checkstring(L, 2);
  char *absolute = realpath(folder, NULL);
  web->folder = mem_dup_string(absolute ? absolute : folder);
  free(absolute);
  return 0;
}

// setWorkerPath(path): package.path of the workers that are made from here on
static int set_worker_path(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  char *path = mem_dup_string(luaL_checkstring(L, 1));
  mem_free(rt->worker_path);
  rt->worker_path = path;
  return 0;
}

// A file without a name. Several threads write to it, each line behind the last one. Or -1.
static int open_log(void) {
  FILE *file = tmpfile();
  if (!file) return -1;
  int fd = dup(fileno(file));
  fclose(file);
  if (fd >= 0) fcntl(fd, F_SETFL, O_APPEND);
  return fd;
}

uint32_t trial_limit(const struct runtime *rt, const struct task *t) {
  return t == rt->trial->runner ? 0 : rt->trial->limit;
}

// begin(keepsLog, seconds): luaws.test is ready, the tests begin; keepsLog: what the log gets is
// kept for them; seconds: how long anything may compute
static int begin(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  struct trial *trial = rt->trial;
  uint64_t limit = wait_check_seconds(L, 2, "begin");
  trial->limit = limit < UINT32_MAX ? (uint32_t)limit : 0;
  if (trial->limit > 0) budget_note_limit(rt, trial->limit);
  trial->handles = uvloop_count_handles(rt);
  if (lua_toboolean(L, 1)) trial->log = open_log();
  if (trial->log >= 0) log_set_output(trial->log);
  return 0;
}

// Where the library debug keeps the functions of hooks, by coroutine.
#define HOOKS_FIELD "_HOOKKEY"

// shareHook(): the hook that is set is that of all tasks from here on, luacov's
static int share_hook(lua_State *L) {
  struct trial *trial = trial_of(L);
  lua_getfield(L, LUA_REGISTRYINDEX, HOOKS_FIELD);
  lua_pushthread(L);
  if (!lua_istable(L, -2) || lua_rawget(L, -2) != LUA_TFUNCTION) return 0;
  lua_rawsetp(L, LUA_REGISTRYINDEX, &HOOK_KEY);
  trial->hook = lua_gethook(L);
  trial->hook_mask = lua_gethookmask(L);
  trial->hook_count = lua_gethookcount(L);
  return 0;
}

void trial_adopt(struct runtime *rt, lua_State *co) {
  const struct trial *trial = rt->trial;
  if (!trial->hook || lua_gethook(co)) return;
  lua_State *L = rt->L;
  size_t limit = alloc_unbind(&rt->alloc);
  lua_getfield(L, LUA_REGISTRYINDEX, HOOKS_FIELD);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &HOOK_KEY);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  rt->alloc.limit = limit;
  lua_sethook(co, trial->hook, trial->hook_mask, trial->hook_count);
}

// The tests are over, and nobody waits for what workers by name compute. The file stays open:
// threads may be about to write to it.
static int end(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  rt->trial->log = -1;
  log_set_output(STDERR_FILENO);
  worker_hurry(rt->options->pool, rt->options->watchdog);
  return 0;
}

void trial_keep_error(lua_State *L, const char *what) {
  lua_getfield(L, -1, "errors");
  lua_newtable(L);
  lua_rawgeti(L, -2, 1);
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  lua_pushstring(L, what);
  lua_setfield(L, -2, "callback");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ERRORS_KEY);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 2);
}

// errors() -> array of what callbacks, timers and tasks have raised since the last call
static int take_errors(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ERRORS_KEY);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ERRORS_KEY);
  return 1;
}

// log() -> what the log has got since the last call; the next error is told whole, even if it is
// one that has been told
static int take_log(lua_State *L) {
  fold_deinit(runtime_of(L));
  int log = trial_of(L)->log;
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  off_t size = log >= 0 ? lseek(log, 0, SEEK_END) : 0;
  if (size > LOG_SHOWN) size = LOG_SHOWN;
  if (size > 0) {
    ssize_t got = pread(log, luaL_prepbuffsize(&text, (size_t)size), (size_t)size, 0);
    if (got > 0) luaL_addsize(&text, (size_t)got);
    if (ftruncate(log, 0) != 0) log_warn("the log that tests keep can't be emptied");
  }
  luaL_pushresult(&text);
  return 1;
}

static int open_module(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"begin", begin},
                                       {"over", end},
                                       {"newScope", new_scope},
                                       {"enter", enter},
                                       {"running", list_running},
                                       {"finish", finish},
                                       {"cancelCallbacks", cancel_callbacks},
                                       {"callOff", call_off},
                                       {"errors", take_errors},
                                       {"log", take_log},
                                       {"prepareWeb", prepare_web},
                                       {"setWorkerPath", set_worker_path},
                                       {"shareHook", share_hook},
                                       {NULL, NULL}};
  struct runtime *rt = runtime_of(L);
  if (!rt->trial) rt->trial = mem_alloc(sizeof *rt->trial);
  *rt->trial = (struct trial){.runner = rt->current, .last_scope = rt->generation, .log = -1};
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ERRORS_KEY);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}

void trial_preload(lua_State *L) {
  vm_preload(L, "luaws.testing.native", open_module);
}
