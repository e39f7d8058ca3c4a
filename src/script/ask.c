// Calls to other workers, and the wait for their answers. Runs in the Lua thread.

#include "script/ask.h"

#include <assert.h>
#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/copy.h"
#include "script/job.h"
#include "script/task.h"
#include "script/wait.h"
#include "ws/utf8.h"

enum { TARGET_MAX = 1000 }; // bytes of a target's name

// The arguments of the functions, and then what askWorker keeps in their places.
enum { NAME = 1, TARGET, CHAIN, ASK };

// Its address is the metatable's key in the registry.
static const char CLASS;

// One that waits: a userdata on its task's stack.
struct ask {
  struct waiter waiter;
  uint64_t number;
  enum event_answer kind;
  char *data; // of the answer
  size_t length;
};

static int go_on(lua_State *L, int status, lua_KContext context);

// Checking ----------------------------------------------------------------------------------------

static const char *check_text(lua_State *L, int index, const char *what, const char *label,
                              size_t max) {
  size_t length = 0;
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &length) : NULL;
  if (!text || length == 0)
    args_error(L, "%s: expected %s, got %s", what, label, args_describe(L, index));
  if (length > max || strlen(text) != length || !ws_utf8_valid(text, length))
    args_error(L, "%s: %s is text of at most %d bytes, got %s", what, label, (int)max,
               args_describe(L, index));
  return text;
}

static const char *check_name(lua_State *L, const char *what) {
  return check_text(L, NAME, what, "a worker's name", ROSTER_NAME_MAX);
}

// The arguments from index 3 on, into rt->copied.
static void copy_arguments(lua_State *L, const char *what) {
  struct runtime *rt = runtime_of(L);
  rt->copied.len = 0;
  int count = lua_gettop(L) > TARGET ? lua_gettop(L) - TARGET : 0;
  if (copy_encode(L, TARGET + 1, count, "argument", &rt->copied) != 0)
    args_error(L, "%s: %s", what, lua_tostring(L, -1));
}

static const char *check_target(lua_State *L, const char *what) {
  return check_text(L, TARGET, what, "a target ('module.function')", TARGET_MAX);
}

// Pushes what a new worker has as its package.path; "" when the script has put something else
// there.
static const char *push_path(lua_State *L) {
  const struct runtime *rt = runtime_of(L);
  int top = lua_gettop(L);
  if (rt->worker_path) {
    lua_pushstring(L, rt->worker_path);
  } else {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, "package") == LUA_TTABLE) lua_getfield(L, -1, "path");
  }
  if (lua_type(L, -1) != LUA_TSTRING) lua_pushliteral(L, "");
  lua_copy(L, -1, top + 1);
  lua_settop(L, top + 1);
  return lua_tostring(L, -1);
}

// Posts the call with the arguments in rt->copied. 0, or negative with *err.
static int post(lua_State *L, struct roster_call *call, struct err *err) {
  struct runtime *rt = runtime_of(L);
  size_t length;
  const char *target = lua_tolstring(L, TARGET, &length);
  call->path = push_path(L);
  call->name = lua_tostring(L, NAME);
  call->from = rt->seat;
  call->target = (struct span){target, length + 1};
  call->arguments = buf_span(&rt->copied);
  int result = roster_call(rt->options->roster, call, err);
  lua_pop(L, 1);
  runtime_relax_copied(rt);
  return result;
}

// luaws.callWorker(name, target, ...) -> true | nil, message
int ask_call_worker(lua_State *L) {
  const char *what = "luaws.callWorker";
  check_name(L, what);
  check_target(L, what);
  copy_arguments(L, what);
  struct roster_call call = {0};
  struct err err;
  if (post(L, &call, &err) != 0) {
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

// Asking ------------------------------------------------------------------------------------------

// Pushes who waits for this call, each name with a NUL: those that wait for the running one, and
// this worker. Raises when the asked one is among them.
static struct span push_chain(lua_State *L, bool *is_nested) {
  const struct runtime *rt = runtime_of(L);
  struct span before = {NULL, 0};
  *is_nested = job_is_current(rt, &before);
  const char *name = lua_tostring(L, NAME);
  luaL_Buffer chain, shown;
  luaL_buffinit(L, &chain);
  luaL_addlstring(&chain, before.n > 0 ? before.p : "", before.n);
  luaL_addlstring(&chain, rt->seat->name, strlen(rt->seat->name) + 1);
  luaL_pushresult(&chain);
  struct span all;
  all.p = lua_tolstring(L, -1, &all.n);
  bool is_circle = false;
  luaL_buffinit(L, &shown);
  for (const char *at = all.p; at < all.p + all.n; at += strlen(at) + 1) {
    is_circle = is_circle || strcmp(at, name) == 0;
    luaL_addstring(&shown, at);
    luaL_addstring(&shown, " -> ");
  }
  luaL_addstring(&shown, name);
  luaL_pushresult(&shown);
  if (is_circle)
    args_error(L, "luaws.askWorker: worker '%s' would wait for itself: %s", name,
               lua_tostring(L, -1));
  lua_pop(L, 1);
  return all;
}

static struct ask *push_ask(lua_State *L, struct task *t) {
  struct ask *ask = lua_newuserdatauv(L, sizeof *ask, 0);
  *ask = (struct ask){.waiter = {.task = t}, .number = ++runtime_of(L)->last_ask};
  list_init(&ask->waiter.node);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &CLASS);
  lua_setmetatable(L, -2);
  return ask;
}

// luaws.askWorker(name, target, ...) -> what that returns
int ask_ask_worker(lua_State *L) {
  const char *what = "luaws.askWorker";
  check_name(L, what);
  check_target(L, what);
  struct task *t = wait_check(L, what);
  copy_arguments(L, what);
  lua_settop(L, TARGET);
  struct roster_call call = {0};
  call.chain = push_chain(L, &call.is_nested);
  struct ask *ask = push_ask(L, t);
  call.number = ask->number;
  struct err err;
  if (post(L, &call, &err) != 0) return args_error(L, "%s: %s", what, err.text);
  list_push(&runtime_of(L)->asks, &ask->waiter.node);
  t->state = TASK_AWAITING;
  t->waiter = &ask->waiter;
  return lua_yieldk(L, 0, (lua_KContext)t, go_on);
}

// They are answered more or less in their order.
void ask_on_answer(struct runtime *rt, const struct record *record) {
  for (struct list *i = rt->asks.next; i != &rt->asks; i = i->next) {
    struct ask *ask = LIST_ENTRY(i, struct ask, waiter.node);
    if (ask->number != record->id) continue;
    list_remove(&ask->waiter.node);
    if (!ask->waiter.task) return;
    ask->waiter.is_done = true;
    ask->kind = (enum event_answer)record->flags;
    ask->data = mem_dup(record->payload, record->length);
    ask->length = record->length;
    task_wake(rt, ask->waiter.task);
    return;
  }
}

// Raises an error of the other worker's, with the traceback that it has there: behind a message, in
// the field `traceback` of a table that has none.
static int raise_error(lua_State *L, const struct ask *ask) {
  copy_decode(L, ask->data, ask->length);
  const char *traceback = lua_tostring(L, -1);
  const char *frames = strchr(traceback, '\n');
  if (!frames) {
    lua_pop(L, 1);
    return lua_error(L);
  }
  lua_pushfstring(L, "stack traceback (worker '%s'):%s", lua_tostring(L, NAME), frames);
  lua_replace(L, -2);
  if (lua_type(L, -2) == LUA_TSTRING) {
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3);
  } else if (lua_istable(L, -2)) {
    if (lua_getfield(L, -2, "traceback") == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_setfield(L, -4, "traceback");
    }
    lua_pop(L, 2);
  } else {
    lua_pop(L, 1);
  }
  return lua_error(L);
}

static int go_on(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct ask *ask = lua_touserdata(L, ASK);
  struct task *t = (struct task *)context;
  t->waiter = NULL;
  list_remove(&ask->waiter.node); // it may have been cancelled: an answer finds nobody then
  if (!ask->waiter.is_done) wait_check_cancelled(L, t);
  assert(ask->waiter.is_done);
  switch (ask->kind) {
  case ANSWER_RESULTS: return copy_decode(L, ask->data, ask->length);
  case ANSWER_ERROR: return raise_error(L, ask);
  case ANSWER_FAILURE: break;
  }
  return args_error(L, "luaws.askWorker: %s", ask->data);
}

static int collect(lua_State *L) {
  struct ask *ask = lua_touserdata(L, 1);
  mem_free(ask->data);
  ask->data = NULL;
  return 0;
}

void ask_open(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &CLASS);
}

// luaws.killWorker([name]): that of the script is the process.
int ask_kill_worker(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  bool is_own = lua_isnoneornil(L, NAME);
  const char *name = is_own ? rt->seat->name : check_name(L, "luaws.killWorker");
  if (strcmp(name, WORKER_MAIN) == 0)
    runtime_stop(rt, 0);
  else if (is_own)
    roster_kill_seat(rt->options->roster, rt->seat);
  else
    roster_kill(rt->options->roster, name);
  return 0;
}
