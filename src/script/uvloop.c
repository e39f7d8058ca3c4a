// luv on the worker's loop. Its callbacks become tasks. luaws's own two handles on the loop (the
// mailbox, the wheel's next deadline) are unreferenced, so that what keeps the loop alive is luv's
// alone. Runs in the Lua thread.

#include "script/uvloop.h"

#include <lauxlib.h>
#include <luv/luv.h>
#include <string.h>
#include "base/log.h"
#include "script/args.h"
#include "script/runtime.h"
#include "script/task.h"
#include "script/trial.h"
#include "script/vm.h"

enum { OWN_HANDLES = 2 }; // loop_mail, loop_timer

// Its address is the registry's key of a table with weak keys: the scopes of luv's handles.
static const char SCOPES_KEY;

static int open_luv(lua_State *L);
static int close_all_handles(lua_State *L);
static void replace_functions(lua_State *L);
static void note_scopes(lua_State *L);

static void on_mail(uv_poll_t *handle, int status, int events) {
  (void)handle, (void)status, (void)events;
}

static void on_timer(uv_timer_t *handle) {
  (void)handle;
}

void uvloop_preload(lua_State *L) {
  vm_preload(L, "luv", open_luv);
}

void uvloop_run(struct runtime *rt, uint64_t timeout) {
  uv_update_time(&rt->loop);
  if (timeout > 0 && timeout != UINT64_MAX) uv_timer_start(&rt->loop_timer, on_timer, timeout, 0);
  // Referenced meanwhile: a loop without referenced handles would look at none of the others.
  uv_ref((uv_handle_t *)&rt->loop_mail);
  uv_run(&rt->loop, timeout > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  uv_unref((uv_handle_t *)&rt->loop_mail);
  uv_timer_stop(&rt->loop_timer);
}

bool uvloop_is_alive(const struct runtime *rt) {
  return rt->has_loop && uv_loop_alive(&rt->loop);
}

static void count_handle(uv_handle_t *handle, void *count) {
  (void)handle;
  ++*(unsigned *)count;
}

unsigned uvloop_count_handles(const struct runtime *rt) {
  unsigned count = 0;
  if (!rt->has_loop) return 0;
  uv_walk((uv_loop_t *)&rt->loop, count_handle, &count);
  return count - OWN_HANDLES;
}

// Handles that don't keep the loop alive count, too.
bool uvloop_is_idle(const struct runtime *rt) {
  if (!rt->has_loop) return true;
  return !uv_loop_alive(&rt->loop) && uvloop_count_handles(rt) == 0;
}

// luv's handles are closed through luv, because only it can free them.
void uvloop_close(struct runtime *rt) {
  if (!rt->has_loop) return;
  uv_close((uv_handle_t *)&rt->loop_mail, NULL);
  uv_close((uv_handle_t *)&rt->loop_timer, NULL);
  lua_pushcfunction(rt->L, close_all_handles);
  if (lua_pcall(rt->L, 0, 0, 0) != LUA_OK) {
    log_error("closing luv's handles: %s", lua_tostring(rt->L, -1));
    lua_pop(rt->L, 1);
  }
  uv_run(&rt->loop, UV_RUN_DEFAULT);
}

// luv's callback: the function and its arguments are on top of L, the main thread.
static int run_callback(lua_State *L, int arguments, int results, int flags) {
  (void)flags;
  struct runtime *rt = runtime_of(L);
  if (rt->phase == PHASE_ENDED) {
    lua_pop(L, arguments + 1);
    return 0;
  }
  if (results != 0) {
    int status = lua_pcall(L, arguments, results, 0);
    return status == LUA_OK ? results : -status;
  }
  struct task *t = task_new(rt, "luv callback", task_done_alone, NULL);
  luaL_checkstack(t->co, arguments + 1, NULL);
  lua_xmove(L, t->co, arguments + 1);
  // A few functions of luv call back at once: while a task is running.
  if (rt->current)
    task_defer(rt, t);
  else
    task_run(rt, t);
  return 0;
}

static int open_on_main(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  luv_set_loop(L, &rt->loop);
  luv_set_callback(L, run_callback);
  luaopen_luv(L);
  replace_functions(L);
  note_scopes(L);
  return 1;
}

static int open_loop(struct runtime *rt) {
  int status = uv_loop_init(&rt->loop);
  if (status < 0) return status;
  status = uv_poll_init(&rt->loop, &rt->loop_mail, mailbox_fd(rt->mailbox));
  if (status < 0) {
    uv_loop_close(&rt->loop);
    return status;
  }
  rt->has_loop = true;
  uv_poll_start(&rt->loop_mail, UV_READABLE, on_mail);
  uv_unref((uv_handle_t *)&rt->loop_mail);
  uv_timer_init(&rt->loop, &rt->loop_timer);
  uv_unref((uv_handle_t *)&rt->loop_timer);
  return 0;
}

// luv keeps the Lua thread that opens it for its callbacks, so that must be the main one.
static int open_luv(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  int status = rt->has_loop ? 0 : open_loop(rt); // it stays when what follows has no memory
  if (status < 0) return luaL_error(L, "luv: %s", uv_strerror(status));
  lua_pushcfunction(rt->L, open_on_main);
  status = lua_pcall(rt->L, 0, 1, 0);
  lua_xmove(rt->L, L, 1);
  return status == LUA_OK ? 1 : lua_error(L);
}

static int refuse(lua_State *L) {
  return args_error(L, "uv.%s: luaws runs the loop", lua_tostring(L, lua_upvalueindex(1)));
}

// Whether the value on top is one of luv's handles: luv keeps each in the registry.
static bool is_handle(lua_State *L) {
  if (lua_type(L, -1) != LUA_TUSERDATA || luaL_getmetafield(L, -1, "__name") != LUA_TSTRING)
    return false;
  bool is_luv = strncmp(lua_tostring(L, -1), "uv_", 3) == 0;
  lua_pop(L, 1);
  if (!is_luv || luaL_getmetafield(L, -1, "__index") != LUA_TTABLE) return false;
  bool is_handle = lua_getfield(L, -1, "is_closing") == LUA_TFUNCTION;
  lua_pop(L, 2);
  return is_handle;
}

// Pushes an array of all handles; returns how many.
static lua_Integer collect_handles(lua_State *L) {
  lua_newtable(L);
  lua_Integer count = 0;
  for (lua_pushnil(L); lua_next(L, LUA_REGISTRYINDEX); lua_pop(L, 1)) {
    if (!is_handle(L)) continue;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, ++count);
  }
  return count;
}

// uv.walk(f). luv's own would come across handles that aren't its.
static int walk(lua_State *L) {
  if (!lua_isfunction(L, 1))
    return args_error(L, "uv.walk: expected a function, got %s", args_describe(L, 1));
  lua_settop(L, 1);
  lua_Integer count = collect_handles(L);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_pushvalue(L, 1);
    lua_rawgeti(L, 2, i);
    lua_call(L, 1, 0);
  }
  return 0;
}

// Asks the handle on top, which stays, by the method.
static bool ask_handle(lua_State *L, const char *method) {
  lua_getfield(L, -1, method);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 1);
  bool answer = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return answer;
}

// Closes the handle on top, which it takes, unless that is being done.
static void close_handle(lua_State *L) {
  bool is_closing = ask_handle(L, "is_closing");
  lua_getfield(L, -1, "close");
  lua_insert(L, -2);
  if (is_closing)
    lua_pop(L, 2);
  else
    lua_call(L, 1, 0);
}

static int close_all_handles(lua_State *L) {
  lua_Integer count = collect_handles(L);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    close_handle(L);
  }
  return 0;
}

// close_scope(scope)
static int close_scope(lua_State *L) {
  lua_Integer scope = lua_tointeger(L, 1);
  lua_Integer count = collect_handles(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &SCOPES_KEY);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    lua_pushvalue(L, -1);
    bool is_found = lua_rawget(L, 3) == LUA_TNUMBER && lua_tointeger(L, -1) == scope;
    lua_pop(L, 1);
    if (is_found)
      close_handle(L);
    else
      lua_pop(L, 1);
  }
  return 0;
}

void uvloop_end_scope(struct runtime *rt, unsigned scope) {
  if (!rt->has_loop) return;
  lua_pushcfunction(rt->L, close_scope);
  lua_pushinteger(rt->L, scope);
  if (lua_pcall(rt->L, 1, 0, 0) == LUA_OK) return;
  log_error("closing luv's handles: %s", lua_tostring(rt->L, -1));
  lua_pop(rt->L, 1);
}

void uvloop_list(struct runtime *rt, unsigned scope, lua_State *L) {
  if (!rt->has_loop) return;
  int found = lua_gettop(L);
  lua_Integer count = collect_handles(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &SCOPES_KEY);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, found + 1, i);
    lua_pushvalue(L, -1);
    lua_rawget(L, found + 2);
    bool is_in = lua_tointeger(L, -1) == scope; // SCOPE_NONE: nil
    lua_pop(L, 1);
    if (is_in && ask_handle(L, "is_active") && !ask_handle(L, "is_closing")) {
      luaL_getmetafield(L, -1, "__name");
      lua_pushvalue(L, found);
      trial_add(L, lua_tostring(L, -2), NULL, NULL);
    }
    lua_settop(L, found + 2);
  }
  lua_settop(L, found);
}

// One of luv's functions that makes a handle, its first result.
static int make_handle(lua_State *L) {
  int arguments = lua_gettop(L);
  unsigned scope = task_scope(runtime_of(L));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, arguments, LUA_MULTRET);
  if (scope == SCOPE_NONE || lua_type(L, 1) != LUA_TUSERDATA) return lua_gettop(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &SCOPES_KEY);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, scope);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  return lua_gettop(L);
}

// Wraps what makes handles in the table on top.
static void note_scopes(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &SCOPES_KEY);
  for (lua_pushnil(L); lua_next(L, -2);) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strncmp(name, "new_", 4) == 0 || strcmp(name, "spawn") == 0) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_pushcclosure(L, make_handle, 1);
      lua_rawset(L, -4); // lua_next allows fields to be assigned, if they exist
    } else {
      lua_pop(L, 1);
    }
  }
}

// What would interfere with the worker's own running of the loop.
static void replace_functions(lua_State *L) {
  static const char *const REFUSED[] = {"run", "stop", "loop_close"};
  for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
    lua_pushstring(L, REFUSED[i]);
    lua_pushcclosure(L, refuse, 1);
    lua_setfield(L, -2, REFUSED[i]);
  }
  lua_pushcfunction(L, walk);
  lua_setfield(L, -2, "walk");
}
