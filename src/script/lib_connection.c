// The Lua class WebSocketConnection. Runs in the Lua thread.

#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/lib.h"
#include "script/link.h"
#include "script/message.h"
#include "script/request.h"
#include "script/wss.h"
#include "ws/close.h"
#include "ws/utf8.h"

static int push_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

// ws:send(message [, binary]) -> true, bufferedAmount | nil, why
static int send_message(lua_State *L) {
  struct link *link = object_self(L, &LINK_CLASS, "send");
  struct message m = message_read(L, 2, link->wss->data, 3, "send");
  switch (link_send(runtime_of(L), link, m.opcode, m.data, m.length)) {
  case LINK_SENT:
    lua_pushboolean(L, 1);
    lua_pushinteger(L, (lua_Integer)link_buffered(link));
    return 2;
  case LINK_IS_CLOSED: return push_closed(L);
  case LINK_DROPPED: break;
  }
  lua_pushnil(L);
  lua_pushliteral(L, "dropped");
  return 2;
}

// ws:terminate([code [, reason]])
static int terminate(lua_State *L) {
  struct link *link = object_self(L, &LINK_CLASS, "terminate");
  unsigned code = lua_isnoneornil(L, 2) ? WS_CLOSE_NORMAL : args_close_code(L, 2);
  size_t length = 0;
  const char *reason = NULL;
  if (!lua_isnoneornil(L, 3)) {
    if (lua_type(L, 3) != LUA_TSTRING)
      return args_error(L, "terminate: the reason must be a string, got %s", args_describe(L, 3));
    reason = lua_tolstring(L, 3, &length);
    if (length > WS_CLOSE_REASON_MAX)
      return args_error(L, "terminate: the reason must have at most %d bytes, got %d",
                        WS_CLOSE_REASON_MAX, (int)length);
    if (!ws_utf8_valid(reason, length))
      return args_error(L, "terminate: the reason is no valid UTF-8");
  }
  link_close(runtime_of(L), link, code, reason, length);
  return 0;
}

// ws:destroy()
static int destroy(lua_State *L) {
  link_destroy(runtime_of(L), object_self(L, &LINK_CLASS, "destroy"));
  return 0;
}

// ws:ping([data]) -> true | nil, "closed"
static int ping(lua_State *L) {
  struct link *link = object_self(L, &LINK_CLASS, "ping");
  size_t length = 0;
  const char *data = NULL;
  if (!lua_isnoneornil(L, 2)) {
    if (lua_type(L, 2) != LUA_TSTRING)
      return args_error(L, "ping: expected a string, got %s", args_describe(L, 2));
    data = lua_tolstring(L, 2, &length);
    if (length > WS_CONTROL_MAX)
      return args_error(L, "ping: the data must have at most %d bytes", WS_CONTROL_MAX);
  }
  if (link->state != LINK_CONNECTED || link->has_ended) return push_closed(L);
  struct batch *batch = &link_outgoing(runtime_of(L), link)->batch;
  struct record *r = batch_push(batch, COMMAND_PING, link->handle, length);
  if (length > 0) memcpy(r->payload, data, length);
  lua_pushboolean(L, 1);
  return 1;
}

static void push_handler(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, LINK_HANDLER);
}

static void push_wss(lua_State *L, void *self) {
  (void)self;
  object_push_kept(L, 1);
}

static void push_id(lua_State *L, void *self) {
  const struct link *link = self;
  lua_pushinteger(L, (lua_Integer)link->id);
}

static const char *status_of(const struct link *link) {
  static const char *const NAMES[] = {[LINK_ANSWERING] = "Connecting",
                                      [LINK_CONNECTED] = "Connected",
                                      [LINK_CLOSING] = "Closing",
                                      [LINK_CLOSED] = "Closed"};
  bool is_ending = link->state == LINK_CONNECTED && link->has_ended;
  return NAMES[is_ending ? LINK_CLOSING : link->state];
}

static void push_status(lua_State *L, void *self) {
  lua_pushstring(L, status_of(self));
}

static void push_buffered(lua_State *L, void *self) {
  const struct link *link = self;
  bool is_live = !link->has_ended && link->state != LINK_CLOSED;
  lua_pushinteger(L, is_live ? (lua_Integer)link_buffered(link) : 0);
}

static void push_address(lua_State *L, void *self) {
  lua_pushstring(L, link_address(self));
}

// Nil when none was chosen.
static void push_protocol(lua_State *L, void *self) {
  const char *protocol = link_protocol(self);
  lua_pushstring(L, protocol[0] ? protocol : NULL);
}

static void push_path(lua_State *L, void *self) {
  lua_pushstring(L, link_path(self));
}

// Made at the first look and kept among the script's fields.
static void push_params(lua_State *L, void *self) {
  const struct link *link = self;
  object_push_fields(L, 1);
  lua_pushliteral(L, "params");
  if (lua_rawget(L, -2) == LUA_TTABLE) return;
  lua_pop(L, 1);
  request_push_params(L, span_of(link_path(link)), link->wss->pattern);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "params");
}

static void describe(lua_State *L, void *self) {
  const struct link *link = self;
  lua_pushfstring(L, "WebSocketConnection: %I (%s)", (LUAI_UACINT)link->id, status_of(link));
}

static void collect(struct runtime *rt, void *self) {
  (void)rt;
  struct link *link = self;
  mem_free(link->protocols);
  link->protocols = NULL;
}

static const luaL_Reg METHODS[] = {{"send", send_message},
                                   {"terminate", terminate},
                                   {"destroy", destroy},
                                   {"ping", ping},
                                   {"subscribe", lib_topic_subscribe},
                                   {"unsubscribe", lib_topic_unsubscribe},
                                   {"publish", lib_topic_publish},
                                   {NULL, NULL}};

static const struct object_property PROPERTIES[] = {{"handler", push_handler},
                                                    {"wss", push_wss},
                                                    {"id", push_id},
                                                    {"status", push_status},
                                                    {"bufferedAmount", push_buffered},
                                                    {"remoteAddress", push_address},
                                                    {"protocol", push_protocol},
                                                    {"path", push_path},
                                                    {"params", push_params},
                                                    {"topics", lib_topic_push_all},
                                                    {NULL, NULL}};

const struct object_class LINK_CLASS = {.name = "WebSocketConnection",
                                        .methods = METHODS,
                                        .properties = PROPERTIES,
                                        .fields = LINK_FIELDS,
                                        .describe = describe,
                                        .gc = collect};

void lib_connection_open(lua_State *L) {
  object_open(L, &LINK_CLASS);
}
