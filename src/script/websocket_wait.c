// Waiting for a client: to be open, or for a message. Who waits stands on a list; when its turn has
// come it is woken, and what it has been promised nobody else takes meanwhile. The client is at
// index 1 of the stack, when to give up (ms) at index 2. Runs in the Lua thread.

#include "script/websocket_wait.h"

#include <lauxlib.h>
#include "script/args.h"
#include "script/websocket.h"
#include "script/datatype.h"
#include "script/failure.h"
#include "script/json.h"
#include "script/lib_link.h"
#include "script/task.h"
#include "script/wait.h"

static int receive_or_wait(lua_State *L, struct websocket *c);
static int open_or_wait(lua_State *L, struct websocket *c);

// What a continuation has to know.
static struct websocket *client_at_1(lua_State *L) {
  return lua_touserdata(L, 1);
}

static uint64_t due_at_2(lua_State *L) {
  return (uint64_t)lua_tointeger(L, 2);
}

// The timeout at index 2 becomes when it is over; 0: at once.
static void settle_due(lua_State *L, const char *what) {
  uint64_t due = CONFIG_NONE;
  if (!lua_isnoneornil(L, 2)) {
    uint64_t ms = wait_check_seconds(L, 2, what);
    due = ms > 0 ? runtime_due(runtime_of(L), task_scope(runtime_of(L)), ms) : 0;
  }
  lua_settop(L, 1);
  lua_pushinteger(L, (lua_Integer)due);
}

static int wait_on(lua_State *L, struct list *list, const char *what, lua_KFunction go_on) {
  struct task *t = wait_check(L, what);
  task_listen(runtime_of(L), t, list, due_at_2(L));
  return lua_yieldk(L, 0, (lua_KContext)t, go_on);
}

static bool is_too_late(lua_State *L) {
  uint64_t due = due_at_2(L);
  return due == 0 ||
         (due != CONFIG_NONE && runtime_clock_of(runtime_of(L), task_scope(runtime_of(L))) >= due);
}

static int push_failure(lua_State *L, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

// Whether the connection has ended whose callback this is: then nothing waits any more.
static bool is_interrupted(lua_State *L) {
  const struct task *t = runtime_of(L)->current;
  return t && t->co == L && t->is_interrupted;
}

// The same, where that is this very client.
static bool is_own(lua_State *L, const struct websocket *c) {
  return runtime_of(L)->current->link == &c->link;
}

// Opened ------------------------------------------------------------------------------------------

int websocket_wait_opened(lua_State *L) {
  struct websocket *c = object_self(L, WEBSOCKET_CLASS, "opened");
  settle_due(L, "opened");
  return open_or_wait(L, c);
}

static int go_on_opening(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct task *t = (struct task *)context;
  bool is_served = task_was_served(t);
  wait_check_cancelled(L, t);
  if (!is_served) return open_or_wait(L, client_at_1(L));
  lua_pushboolean(L, 1);
  return 1;
}

static int open_or_wait(lua_State *L, struct websocket *c) {
  if (link_is_open(&c->link)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (!link_may_open(&c->link)) return push_failure(L, c->failure ? c->failure : "closed");
  if (is_interrupted(L)) return push_failure(L, "closed");
  if (is_too_late(L)) return push_failure(L, "timeout");
  return wait_on(L, &c->openers, "opened", go_on_opening);
}

// Received ----------------------------------------------------------------------------------------

static struct websocket *check_receiver(lua_State *L, const char *what) {
  struct websocket *c = object_self(L, WEBSOCKET_CLASS, what);
  if (!c->link.keeps)
    args_error(L, "%s: the messages of this client go to its handler's onMessage", what);
  return c;
}

int websocket_wait_receive(lua_State *L) {
  struct websocket *c = check_receiver(L, "receive");
  settle_due(L, "receive");
  return receive_or_wait(L, c);
}

static int receive_next(lua_State *L) {
  struct websocket *c = check_receiver(L, "messages");
  lua_settop(L, 1);
  lua_pushinteger(L, (lua_Integer)CONFIG_NONE);
  return receive_or_wait(L, c);
}

int websocket_wait_messages(lua_State *L) {
  check_receiver(L, "messages");
  lua_pushcfunction(L, receive_next);
  lua_pushvalue(L, 1);
  return 2;
}

// The reason is at the top of the stack.
static void tell_bad_json(lua_State *L, struct websocket *c) {
  struct err e;
  err_set(&e, ERR_LUAW, ERR_CODE_BAD_JSON, "a message is no JSON: %s", lua_tostring(L, -1));
  lua_settop(L, 2);
  failure_push(L, &e, link_kind(&c->link)->level, &c->link, NULL);
  failure_tell_script(L);
}

// Pushes data and isBinary of the oldest message. False: it is no JSON, luaws.onError has been
// told.
static bool take(lua_State *L, struct websocket *c) {
  bool is_binary = websocket_take(L, c) & EVENT_BINARY;
  if (c->link.data == DATATYPE_OBJECT) {
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    if (!json_decode(L, text, length)) {
      tell_bad_json(L, c);
      return false;
    }
  }
  lua_pushboolean(L, is_binary);
  return true;
}

// Its turn has come, and it won't take its message.
static void pass_on(struct runtime *rt, struct websocket *c) {
  if (!task_serve(rt, &c->receivers)) c->promised--;
}

static int go_on_receiving(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct task *t = (struct task *)context;
  struct websocket *c = client_at_1(L);
  if (task_was_served(t)) {
    if (t->is_cancelled || t->is_called_off) pass_on(runtime_of(L), c);
    wait_check_cancelled(L, t);
    c->promised--;
    if (take(L, c)) return 2;
  }
  wait_check_cancelled(L, t);
  return receive_or_wait(L, c);
}

static int push_end(lua_State *L, const struct websocket *c) {
  lib_link_push_closed(L);
  lua_pushinteger(L, c->closed.code);
  if (c->closed.reason_length == 0) return 3;
  lua_pushlstring(L, c->closed.reason, c->closed.reason_length);
  return 4;
}

static int receive_or_wait(lua_State *L, struct websocket *c) {
  bool is_ended = is_interrupted(L);
  if (is_ended && !is_own(L, c)) return lib_link_push_closed(L);
  while (websocket_count(c) > 0) {
    if (take(L, c)) return 2;
  }
  if (c->is_over || is_ended) return push_end(L, c);
  if (is_too_late(L)) return push_failure(L, "timeout");
  return wait_on(L, &c->receivers, "receive", go_on_receiving);
}
