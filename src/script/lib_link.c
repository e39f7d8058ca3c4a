// What a script can do with a connection and a client alike. Runs in the Lua thread.

#include "script/lib_link.h"

#include <lauxlib.h>
#include <string.h>
#include "script/args.h"
#include "script/websocket.h"
#include "script/connection.h"
#include "script/message.h"
#include "ws/close.h"
#include "ws/utf8.h"

static struct link *check_self(lua_State *L, const char *method) {
  struct link *link = object_to(L, 1, CONNECTION_CLASS);
  if (!link) link = object_to(L, 1, WEBSOCKET_CLASS);
  if (!link)
    args_error(L,
               "%s: expected a WebSocketConnection or WebSocket to call it on, got %s (is it "
               "called with ':'?)",
               method, args_describe(L, 1));
  return link;
}

int lib_link_push_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

static int push_failure(lua_State *L, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

static int push_sent(lua_State *L, uint64_t buffered) {
  lua_pushboolean(L, 1);
  lua_pushinteger(L, (lua_Integer)buffered);
  return 2;
}

// ws:send(message [, binary]) -> true, bufferedAmount | nil, why
int lib_link_send(lua_State *L) {
  struct link *link = check_self(L, "send");
  struct message m = message_read(L, 2, link->data, 3, "send");
  switch (link_send(runtime_of(L), link, m.opcode, m.data, m.length)) {
  case LINK_SENT: return push_sent(L, link_buffered(link));
  case LINK_IS_CONNECTING:
    if (websocket_postpone(websocket_of(link), &m))
      return push_sent(L, websocket_buffered(websocket_of(link)));
    return push_failure(L, "connecting");
  case LINK_IS_CLOSED: break;
  case LINK_DROPPED: return push_failure(L, "dropped");
  }
  return lib_link_push_closed(L);
}

// ws:terminate([code [, reason]])
int lib_link_terminate(lua_State *L) {
  struct link *link = check_self(L, "terminate");
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
int lib_link_destroy(lua_State *L) {
  link_destroy(runtime_of(L), check_self(L, "destroy"));
  return 0;
}

// ws:ping([data]) -> true | nil, why
int lib_link_ping(lua_State *L) {
  struct link *link = check_self(L, "ping");
  size_t length = 0;
  const char *data = NULL;
  if (!lua_isnoneornil(L, 2)) {
    if (lua_type(L, 2) != LUA_TSTRING)
      return args_error(L, "ping: expected a string, got %s", args_describe(L, 2));
    data = lua_tolstring(L, 2, &length);
    if (length > WS_CONTROL_MAX)
      return args_error(L, "ping: the data must have at most %d bytes", WS_CONTROL_MAX);
  }
  if (!link_is_open(link)) return push_failure(L, link_may_open(link) ? "connecting" : "closed");
  struct batch *batch = &link_outgoing(runtime_of(L), link)->batch;
  struct record *r = batch_push(batch, COMMAND_PING, link->handle, length);
  if (length > 0) memcpy(r->payload, data, length);
  lua_pushboolean(L, 1);
  return 1;
}

void lib_link_push_handler(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, LINK_HANDLER);
}

void lib_link_push_id(lua_State *L, void *self) {
  const struct link *link = self;
  lua_pushinteger(L, (lua_Integer)link->id);
}

const char *lib_link_status(const struct link *link) {
  static const char *const NAMES[] = {[LINK_CONNECTING] = "Connecting",
                                      [LINK_CONNECTED] = "Connected",
                                      [LINK_CLOSING] = "Closing",
                                      [LINK_CLOSED] = "Closed"};
  bool is_ending = link->state == LINK_CONNECTED && link->has_ended;
  return NAMES[is_ending ? LINK_CLOSING : link->state];
}

void lib_link_push_status(lua_State *L, void *self) {
  lua_pushstring(L, lib_link_status(self));
}
