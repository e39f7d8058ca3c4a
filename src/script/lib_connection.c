// The Lua class WebSocketConnection. Runs in the Lua thread.

#include <lauxlib.h>
#include "base/mem.h"
#include "script/connection.h"
#include "script/lib.h"
#include "script/lib_link.h"
#include "script/request.h"
#include "script/wss.h"

static void push_wss(lua_State *L, void *self) {
  (void)self;
  object_push_kept(L, 1);
}

static void push_buffered(lua_State *L, void *self) {
  const struct link *link = self;
  bool is_live = !link->has_ended && link->state != LINK_CLOSED;
  lua_pushinteger(L, is_live ? (lua_Integer)link_buffered(link) : 0);
}

static void push_address(lua_State *L, void *self) {
  lua_pushstring(L, connection_address(self));
}

// Nil when none was chosen.
static void push_protocol(lua_State *L, void *self) {
  const char *protocol = connection_protocol(self);
  lua_pushstring(L, protocol[0] ? protocol : NULL);
}

static void push_path(lua_State *L, void *self) {
  lua_pushstring(L, connection_path(self));
}

// Made at the first look and kept among the script's fields.
static void push_params(lua_State *L, void *self) {
  const struct connection *c = self;
  object_push_fields(L, 1);
  lua_pushliteral(L, "params");
  if (lua_rawget(L, -2) == LUA_TTABLE) return;
  lua_pop(L, 1);
  request_push_params(L, span_of(connection_path(c)), c->wss->pattern);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "params");
}

static void describe(lua_State *L, void *self) {
  const struct link *link = self;
  lua_pushfstring(L, "WebSocketConnection: %I (%s)", (LUAI_UACINT)link->id, lib_link_status(link));
}

static void collect(struct runtime *rt, void *self) {
  (void)rt;
  struct connection *c = self;
  mem_free(c->protocols);
  c->protocols = NULL;
}

static const luaL_Reg METHODS[] = {{"send", lib_link_send},
                                   {"terminate", lib_link_terminate},
                                   {"destroy", lib_link_destroy},
                                   {"ping", lib_link_ping},
                                   {"subscribe", lib_topic_subscribe},
                                   {"unsubscribe", lib_topic_unsubscribe},
                                   {"publish", lib_topic_publish},
                                   {NULL, NULL}};

static const struct object_property PROPERTIES[] = {{"handler", lib_link_push_handler},
                                                    {"wss", push_wss},
                                                    {"id", lib_link_push_id},
                                                    {"status", lib_link_push_status},
                                                    {"bufferedAmount", push_buffered},
                                                    {"remoteAddress", push_address},
                                                    {"protocol", push_protocol},
                                                    {"path", push_path},
                                                    {"params", push_params},
                                                    {"topics", lib_topic_push_all},
                                                    {NULL, NULL}};

const struct link_kind CONNECTION_KIND = {
    .class = {.name = "WebSocketConnection",
              .methods = METHODS,
              .properties = PROPERTIES,
              .fields = LINK_FIELDS,
              .describe = describe,
              .gc = collect},
    .error = CALL_CONNECTION_ERROR,
    .level = LOG_DEBUG,
    .has_server = true,
    .config = connection_config,
    .end = connection_end,
    .leave = connection_leave,
};

void lib_connection_open(lua_State *L) {
  object_open(L, CONNECTION_CLASS);
}
