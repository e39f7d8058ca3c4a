// Waiting. A wait yields the task's own coroutine to the top of the loop, and goes on in a
// continuation that first looks whether the task has been cancelled. Runs in the Lua thread.

#include "script/wait.h"

#include <lauxlib.h>
#include <math.h>
#include "script/args.h"
#include "script/task.h"

// The longest wait: a hundred years of milliseconds.
#define SECONDS_MAX 3.2e9

// Its address is the registry's key of why a task's wait is called off.
static const char REASON_KEY;

static int go_on_after_sleep(lua_State *L, int status, lua_KContext context);
static int go_on_after_call(lua_State *L, int status, lua_KContext context);
static int go_on_after_await(lua_State *L, int status, lua_KContext context);
static int finish_await(lua_State *L);

int wait_sleep(lua_State *L) {
  uint64_t ms = wait_check_seconds(L, 1, "luaws.sleep");
  struct task *t = wait_check(L, "luaws.sleep");
  struct runtime *rt = runtime_of(L);
  t->state = TASK_SLEEPING;
  if (ms > 0 && !t->is_interrupted)
    runtime_start_deadline(rt, t->scope, &t->due, runtime_due(rt, t->scope, ms));
  return lua_yieldk(L, 0, (lua_KContext)t, go_on_after_sleep);
}

// await(f) calls f(done) and returns what done is called with, now or later.
int wait_await(lua_State *L) {
  if (!lua_isfunction(L, 1))
    return args_error(L, "luaws.await: expected a function, got %s", args_describe(L, 1));
  struct task *t = wait_check(L, "luaws.await");
  lua_settop(L, 1);
  struct waiter *w = lua_newuserdatauv(L, sizeof *w, 1); // its user value holds the results
  *w = (struct waiter){0};
  list_init(&w->node);
  lua_insert(L, 1); // it stays there while this call lives
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, finish_await, 1);
  lua_callk(L, 1, 0, (lua_KContext)t, go_on_after_call);
  return go_on_after_call(L, LUA_OK, (lua_KContext)t);
}

int wait_spawn(lua_State *L) {
  if (!lua_isfunction(L, 1))
    return args_error(L, "luaws.spawn: expected a function, got %s", args_describe(L, 1));
  struct runtime *rt = runtime_of(L);
  int count = lua_gettop(L);
  task_check_room(L);
  struct task *t = task_new(rt, "task", task_done_alone, NULL);
  t->scope = task_scope(rt);
  task_take(rt, t, L, count);
  task_defer(rt, t);
  return 0;
}

// Not left to a finalizer, which may find the stack too full to be called.
void wait_forget(struct waiter *w) {
  w->task = NULL;
  list_remove(&w->node);
}

uint64_t wait_check_seconds(lua_State *L, int index, const char *what) {
  int is_number;
  lua_Number seconds = lua_tonumberx(L, index, &is_number);
  if (!is_number || lua_type(L, index) != LUA_TNUMBER || !(seconds >= 0))
    args_error(L, "%s: expected a number of seconds from 0 on, got %s", what,
               args_describe(L, index));
  return (uint64_t)ceil((seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000);
}

static bool is_in_require(lua_State *L) {
  lua_Debug frame;
  bool is_found = false;
  lua_getglobal(L, "require");
  for (int level = 1; !is_found && lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "f", &frame);
    is_found = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return is_found;
}

struct task *wait_check(lua_State *L, const char *what) {
  struct task *t = runtime_of(L)->current;
  if (!t)
    args_error(L,
               "%s can't wait in a method that luaws calls to close or to finalize; use "
               "luaws.spawn",
               what);
  if (runtime_of(L)->preparing)
    args_error(L,
               "%s can't wait at the top level of a script that is reloaded, while connections are "
               "open; use luaws.spawn",
               what);
  if (t->co != L) args_error(L, "%s can't wait in a coroutine of your own; use luaws.spawn", what);
  if (!lua_isyieldable(L) && is_in_require(L))
    args_error(L,
               "%s can't wait at the top of a module that is being required; do it in a function "
               "of the module, or use luaws.spawn",
               what);
  if (!lua_isyieldable(L))
    args_error(L,
               "%s can't wait below a C function (table.sort, string.gsub, require, ...); use "
               "luaws.spawn",
               what);
  wait_check_cancelled(L, t);
  return t;
}

void wait_call_off(lua_State *L, struct task *t) {
  struct runtime *rt = runtime_of(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &REASON_KEY);
  t->is_called_off = true;
  if (task_is_waiting(t)) task_wake(rt, t);
}

void wait_check_cancelled(lua_State *L, struct task *t) {
  if (t->is_cancelled) args_error(L, "cancelled: the connection has ended");
  if (!t->is_called_off) return;
  t->is_called_off = false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &REASON_KEY);
  args_error(L, "%s", lua_tostring(L, -1));
}

static int go_on_after_sleep(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct task *t = (struct task *)context;
  wait_check_cancelled(L, t);
  if (!t->is_interrupted) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

// The function has returned, having called `done` or not.
static int go_on_after_call(lua_State *L, int status, lua_KContext context) {
  struct task *t = (struct task *)context;
  struct waiter *w = lua_touserdata(L, 1);
  if (w->is_done || w->has_failed) return go_on_after_await(L, status, context);
  wait_check_cancelled(L, t);
  t->state = TASK_AWAITING;
  t->waiter = w;
  w->task = t;
  return lua_yieldk(L, 0, context, go_on_after_await);
}

static int go_on_after_await(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct task *t = (struct task *)context;
  struct waiter *w = lua_touserdata(L, 1);
  t->waiter = NULL;
  w->task = NULL;
  if (!w->is_done) wait_check_cancelled(L, t);
  if (!w->is_done) {
    lua_pushliteral(L, "not enough memory"); // as Lua says it, which has this string already
    return lua_error(L);
  }
  lua_getiuservalue(L, 1, 1);
  lua_getfield(L, -1, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count, "too many results");
  int results = lua_gettop(L);
  for (int i = 1; i <= count; i++)
    lua_rawgeti(L, results, i);
  return count;
}

// done(...): keeps its arguments. Only the first call counts. Where there is no memory for them
// both sides are told: who waits wouldn't be woken otherwise.
static int finish_await(lua_State *L) {
  struct waiter *w = lua_touserdata(L, lua_upvalueindex(1));
  if (w->is_done) return 0;
  int count = lua_gettop(L);
  w->has_failed = true;
  if (w->task) task_wake(runtime_of(L), w->task);
  lua_createtable(L, count, 1);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--)
    lua_rawseti(L, 1, i);
  lua_pushinteger(L, count);
  lua_setfield(L, 1, "n");
  lua_setiuservalue(L, lua_upvalueindex(1), 1);
  w->is_done = true;
  return 0;
}
