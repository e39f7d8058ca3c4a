// Topics in the Lua classes WebSocketConnection and WebSocketServer. Runs in the Lua thread.
//
// Who gets what is the reactors' business. Here a connection's own topics are kept, for
// `ws.topics`, in a table among its fields: topics by position in order of subscribing (false where
// one was unsubscribed), positions by topic, and at 0 how many there are.

#include <lauxlib.h>
#include <string.h>
#include "mailbox/command.h"
#include "mailbox/topic.h"
#include "script/args.h"
#include "script/lib.h"
#include "script/connection.h"
#include "script/lib_link.h"
#include "script/message.h"
#include "script/webserver.h"
#include "script/wss.h"

enum { GAPS_MIN = 8 }; // in the table before it is closed up

static struct span check_topic(lua_State *L, int index, bool may_be_pattern, const char *what) {
  struct span topic = {NULL, 0};
  if (lua_type(L, index) == LUA_TSTRING) topic.p = lua_tolstring(L, index, &topic.n);
  if (!topic.p)
    args_error(L, "%s: the topic must be a string, got %s", what, args_describe(L, index));
  const char *why = topic_check(topic, may_be_pattern);
  if (why) args_error(L, "%s: the topic (%s) %s", what, args_describe(L, index), why);
  return topic;
}

// A connection's topics ---------------------------------------------------------------------------

// Pushes the table of the connection at index 1. False: there is none yet, nothing is pushed.
static bool push_table(lua_State *L, bool make) {
  object_push_fields(L, 1);
  lua_pushliteral(L, "topics");
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pop(L, 1);
    if (!make) {
      lua_pop(L, 1);
      return false;
    }
    lua_createtable(L, 1, 2);
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, 0);
    lua_pushliteral(L, "topics");
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  lua_remove(L, -2);
  return true;
}

// Adds `change` to the number of topics in the table on top.
static lua_Integer count(lua_State *L, int change) {
  lua_rawgeti(L, -1, 0);
  lua_Integer n = lua_tointeger(L, -1) + change;
  lua_pop(L, 1);
  if (change == 0) return n;
  lua_pushinteger(L, n);
  lua_rawseti(L, -2, 0);
  return n;
}

// The position of the topic at index 2 in the table on top, 0: it isn't there.
static lua_Integer find_position(lua_State *L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  lua_Integer position = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return position;
}

// Puts the topic at index 2 at `position` of the table on top; 0 takes it out of `old`.
static void set_position(lua_State *L, lua_Integer position, lua_Integer old) {
  if (position > 0)
    lua_pushvalue(L, 2);
  else
    lua_pushboolean(L, 0);
  lua_rawseti(L, -2, position > 0 ? position : old);
  lua_pushvalue(L, 2);
  if (position > 0)
    lua_pushinteger(L, position);
  else
    lua_pushnil(L);
  lua_rawset(L, -3);
}

// Moves the topics of the table on top together, in their order.
static void close_gaps(lua_State *L) {
  lua_Integer length = (lua_Integer)lua_rawlen(L, -1), kept = 0;
  for (lua_Integer i = 1; i <= length; i++) {
    if (lua_rawgeti(L, -1, i) == LUA_TSTRING) {
      lua_pushvalue(L, -1);
      lua_pushinteger(L, ++kept);
      lua_rawset(L, -4);
      lua_rawseti(L, -2, kept);
    } else {
      lua_pop(L, 1);
    }
  }
  for (lua_Integer i = kept + 1; i <= length; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
}

static void tell(lua_State *L, const struct link *link, enum command_type type, struct span topic) {
  struct batch *batch = &link_outgoing(runtime_of(L), link)->batch;
  memcpy(batch_push(batch, type, link->handle, topic.n)->payload, topic.p, topic.n);
}

// ws:subscribe(topic) -> true | nil, "closed"
int lib_topic_subscribe(lua_State *L) {
  const struct link *link = object_self(L, CONNECTION_CLASS, "subscribe");
  struct span topic = check_topic(L, 2, true, "subscribe");
  if (!link_is_open(link)) return lib_link_push_closed(L);
  push_table(L, true);
  if (find_position(L) == 0) {
    // All or nothing: for want of memory it mustn't stay half done.
    size_t limit = alloc_unbind(&runtime_of(L)->alloc);
    set_position(L, (lua_Integer)lua_rawlen(L, -1) + 1, 0);
    count(L, 1);
    runtime_of(L)->alloc.limit = limit;
    tell(L, link, COMMAND_SUBSCRIBE, topic);
  }
  lua_pushboolean(L, 1);
  return 1;
}

// ws:unsubscribe(topic) -> whether it was subscribed | nil, "closed"
int lib_topic_unsubscribe(lua_State *L) {
  const struct link *link = object_self(L, CONNECTION_CLASS, "unsubscribe");
  struct span topic = check_topic(L, 2, true, "unsubscribe");
  if (!link_is_open(link)) return lib_link_push_closed(L);
  lua_Integer position = push_table(L, false) ? find_position(L) : 0;
  if (position > 0) {
    set_position(L, 0, position);
    lua_Integer gaps = (lua_Integer)lua_rawlen(L, -1) - count(L, -1);
    if (gaps >= GAPS_MIN && gaps > count(L, 0)) close_gaps(L);
    tell(L, link, COMMAND_UNSUBSCRIBE, topic);
  }
  lua_pushboolean(L, position > 0);
  return 1;
}

// ws.topics: a new array each time, the script's own.
void lib_topic_push_all(lua_State *L, void *link) {
  (void)link;
  if (!push_table(L, false)) {
    lua_newtable(L);
    return;
  }
  lua_Integer length = (lua_Integer)lua_rawlen(L, -1), n = 0;
  lua_createtable(L, (int)count(L, 0), 0);
  for (lua_Integer i = 1; i <= length; i++) {
    if (lua_rawgeti(L, -2, i) == LUA_TSTRING)
      lua_rawseti(L, -2, ++n);
    else
      lua_pop(L, 1);
  }
}

// Publishing --------------------------------------------------------------------------------------

// ws:publish(topic, message): to all but itself
int lib_topic_publish(lua_State *L) {
  const struct connection *c = object_self(L, CONNECTION_CLASS, "publish");
  struct span topic = check_topic(L, 2, false, "publish");
  struct message m = message_read(L, 3, c->link.data, 0, "publish");
  message_publish(runtime_of(L), c->wss, &c->link, topic, &m);
  return 0;
}

// wss:publish(topic, message)
int lib_topic_publish_all(lua_State *L) {
  const struct wss *wss = object_self(L, &WSS_CLASS, "publish");
  struct span topic = check_topic(L, 2, false, "publish");
  struct message m = message_read(L, 3, wss->data, 0, "publish");
  message_publish(runtime_of(L), wss, NULL, topic, &m);
  return 0;
}

static uint64_t ask(struct runtime *rt, unsigned reactor, const struct wss *wss,
                    struct span topic) {
  uint64_t call = ++rt->last_call;
  struct command_count head = {wss->config->id, rt->mailbox, (uint32_t)topic.n};
  struct record *r = batch_push(&rt->outgoing[reactor].batch, COMMAND_COUNT, call,
                                sizeof(struct command_count) + topic.n);
  memcpy(r->payload, &head, sizeof head);
  memcpy(r->payload + sizeof head, topic.p, topic.n);
  return runtime_call(rt, call).count;
}

// wss:subscriberCount(topic): waits for the reactors
int lib_topic_count(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  const struct wss *wss = object_self(L, &WSS_CLASS, "subscriberCount");
  struct span topic = check_topic(L, 2, false, "subscriberCount");
  uint64_t total = 0;
  for (unsigned i = webserver_first(rt, wss->web); i < webserver_last(rt, wss->web); i++)
    total += ask(rt, i, wss, topic);
  lua_pushinteger(L, (lua_Integer)total);
  return 1;
}
