// Topics for specs: their syntax, and the trie with numbers as subscribers.

#include <lauxlib.h>
#include <stdlib.h>
#include "mailbox/topic.h"
#include "reactor/topics.h"
#include "probe.h"

#define TOPICS "probe.topics"

enum { SUBSCRIBERS_MAX = 4096 };

struct probe_topics {
  struct topics topics;
  struct topics_subscriber *subscribers[SUBSCRIBERS_MAX];
};

static struct span check_span(lua_State *L, int index) {
  struct span s;
  s.p = luaL_checklstring(L, index, &s.n);
  return s;
}

// check(topic, mayBePattern) -> nil, or what is wrong
static int check(lua_State *L) {
  lua_pushstring(L, topic_check(check_span(L, 1), lua_toboolean(L, 2)));
  return 1;
}

static int new_topics(lua_State *L) {
  struct probe_topics *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (struct probe_topics){0};
  topics_init(&p->topics);
  luaL_setmetatable(L, TOPICS);
  return 1;
}

static struct probe_topics *check_topics(lua_State *L) {
  return luaL_checkudata(L, 1, TOPICS);
}

static struct topics_subscriber **check_subscriber(lua_State *L) {
  lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 0 && number < SUBSCRIBERS_MAX, 2, "no such subscriber");
  return &check_topics(L)->subscribers[number];
}

// t:subscribe(number, topic) -> whether that is new
static int subscribe(lua_State *L) {
  struct topics_subscriber **who = check_subscriber(L);
  lua_pushboolean(L, topics_subscribe(&check_topics(L)->topics, who, who, check_span(L, 3)));
  return 1;
}

// t:unsubscribe(number, topic) -> whether it was one
static int unsubscribe(lua_State *L) {
  struct topics_subscriber **who = check_subscriber(L);
  lua_pushboolean(L, topics_unsubscribe(&check_topics(L)->topics, who, check_span(L, 3)));
  return 1;
}

// t:leave(number)
static int leave(lua_State *L) {
  topics_leave(&check_topics(L)->topics, check_subscriber(L));
  return 0;
}

// t:find(topic) -> array of numbers, steps taken
static int find(lua_State *L) {
  struct probe_topics *p = check_topics(L);
  const struct topics_member *members;
  uint64_t before = p->topics.steps;
  size_t count = topics_find(&p->topics, check_span(L, 2), &members);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    struct topics_subscriber **who = members[i].owner;
    lua_pushinteger(L, who - p->subscribers);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushinteger(L, (lua_Integer)(p->topics.steps - before));
  return 2;
}

// t:size() -> nodes below the root that aren't wildcards, subscriptions; nil: it holds nothing
static int size(lua_State *L) {
  const struct topics *t = &check_topics(L)->topics;
  if (!t->root) return 0;
  lua_pushinteger(L, (lua_Integer)t->children.used);
  lua_pushinteger(L, (lua_Integer)t->subscriptions.used);
  return 2;
}

static int collect(lua_State *L) {
  struct probe_topics *p = check_topics(L);
  for (int i = 0; i < SUBSCRIBERS_MAX; i++)
    topics_leave(&p->topics, &p->subscribers[i]);
  topics_deinit(&p->topics);
  return 0;
}

int probe_open_topics(lua_State *L) {
  static const luaL_Reg methods[] = {{"subscribe", subscribe},
                                     {"unsubscribe", unsubscribe},
                                     {"leave", leave},
                                     {"find", find},
                                     {"size", size},
                                     {"__gc", collect},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"check", check}, {"new", new_topics}, {NULL, NULL}};
  probe_add_class(L, TOPICS, methods);
  luaL_newlib(L, functions);
  return 1;
}
