// The Lua class WebSocketServer. Runs in the Lua thread.

#include <lauxlib.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/connection.h"
#include "script/datatype.h"
#include "script/lib.h"
#include "script/message.h"
#include "script/wait.h"
#include "script/wss.h"

// wss:terminate([timeout])
static int terminate(lua_State *L) {
  struct wss *wss = object_self(L, &WSS_CLASS, "terminate");
  uint64_t timeout = CONFIG_NONE;
  if (!lua_isnoneornil(L, 2)) timeout = wait_check_seconds(L, 2, "terminate");
  wss_terminate(runtime_of(L), wss, timeout);
  return 0;
}

static struct link *link_at(struct list *node) {
  return &LIST_ENTRY(node, struct connection, node)->link;
}

// wss:broadcast(message [, except])
static int broadcast(lua_State *L) {
  const struct wss *wss = object_self(L, &WSS_CLASS, "broadcast");
  const struct link *except = NULL;
  if (!lua_isnoneornil(L, 3)) {
    except = object_to(L, 3, CONNECTION_CLASS);
    if (!except)
      return args_error(L, "broadcast: the exception must be a WebSocketConnection, got %s",
                        args_describe(L, 3));
  }
  struct message m = message_read(L, 2, wss->data, 0, "broadcast");
  message_publish(runtime_of(L), wss, except, (struct span){NULL, 0}, &m);
  return 0;
}

static void push_connections(lua_State *L, void *self) {
  const struct wss *wss = self;
  if (lua_getiuservalue(L, 1, WSS_CONNECTIONS) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_createtable(L, (int)wss->count, 0);
  lua_Integer n = 0;
  for (struct list *i = wss->connections.next; i != &wss->connections; i = i->next) {
    if (!link_at(i)->is_listed) continue;
    link_push(L, link_at(i));
    lua_rawseti(L, -2, ++n);
  }
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, WSS_CONNECTIONS);
}

// Over all workers.
static lua_Integer count_connections(const struct wss *wss) {
  return (lua_Integer)atomic_load_explicit(&wss->group->listed, memory_order_relaxed);
}

static void push_count(lua_State *L, void *self) {
  lua_pushinteger(L, count_connections(self));
}

static void push_data_type(lua_State *L, void *self) {
  const struct wss *wss = self;
  lua_pushstring(L, datatype_name(wss->data));
}

static void push_path(lua_State *L, void *self) {
  const struct wss *wss = self;
  lua_pushstring(L, wss->config->path);
}

static void push_terminated(lua_State *L, void *self) {
  const struct wss *wss = self;
  lua_pushboolean(L, wss->state == WSS_TERMINATED);
}

static void push_handler(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, WSS_HANDLER);
}

static void describe(lua_State *L, void *self) {
  const struct wss *wss = self;
  lua_Integer count = count_connections(wss);
  lua_pushfstring(L, "WebSocketServer: %s (%I connection%s)",
                  wss->config->path ? wss->config->path : "every path", (LUAI_UACINT)count,
                  count == 1 ? "" : "s");
}

static void collect(struct runtime *rt, void *self) {
  (void)rt;
  struct wss *wss = self;
  server_config_unref(wss->config);
  server_config_unref(wss->next);
  http_pattern_free(wss->next_pattern);
  mem_free(wss->place);
  server_group_unref(wss->group);
  http_pattern_free(wss->pattern);
  wss->config = wss->next = NULL;
  wss->next_pattern = NULL;
  wss->group = NULL;
  wss->pattern = NULL;
  wss->place = NULL;
}

static const luaL_Reg METHODS[] = {{"terminate", terminate},
                                   {"broadcast", broadcast},
                                   {"publish", lib_topic_publish_all},
                                   {"subscriberCount", lib_topic_count},
                                   {NULL, NULL}};

static const struct object_property PROPERTIES[] = {{"connections", push_connections},
                                                    {"connectionCount", push_count},
                                                    {"dataType", push_data_type},
                                                    {"path", push_path},
                                                    {"terminated", push_terminated},
                                                    {"handler", push_handler},
                                                    {NULL, NULL}};

const struct object_class WSS_CLASS = {.name = "WebSocketServer",
                                       .methods = METHODS,
                                       .properties = PROPERTIES,
                                       .describe = describe,
                                       .gc = collect};

void lib_wss_open(lua_State *L) {
  object_open(L, &WSS_CLASS);
  lua_newtable(L);
  lua_pushcfunction(L, wss_new);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "WebSocketServer");
}
