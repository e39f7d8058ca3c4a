// The Lua class WebSocket: the client. Runs in the Lua thread.

#include <lauxlib.h>
#include "script/args.h"
#include "script/websocket.h"
#include "script/websocket_options.h"
#include "script/websocket_wait.h"
#include "script/datatype.h"
#include "script/lib.h"
#include "script/lib_link.h"

#define NEW "WebSocket.new"

// WebSocket.new(url [, handler [, options]]) -> ws | nil, why
static int new (lua_State *L) {
  lua_settop(L, 3);
  if (lua_type(L, 1) != LUA_TSTRING)
    return args_error(L, NEW ": expected a URL, got %s", args_describe(L, 1));
  if (!lua_isnil(L, 2) && !lua_istable(L, 2))
    return args_error(L, NEW ": expected a handler (a table) or nil, got %s", args_describe(L, 2));
  if (runtime_of(L)->phase != PHASE_RUNNING) return runtime_refuse_start(L, NEW);
  struct websocket *c = websocket_new(L);
  if (!websocket_options_read(L, c)) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 4, LINK_HANDLER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 4, WEBSOCKET_URL);
  websocket_start(L, c, 4);
  lua_settop(L, 4);
  return 1;
}

static void push_data_type(lua_State *L, void *self) {
  const struct link *link = self;
  lua_pushstring(L, datatype_name(link->data));
}

static void push_url(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, WEBSOCKET_URL);
}

// Nil when none was chosen.
static void push_protocol(lua_State *L, void *self) {
  const struct websocket *c = self;
  lua_pushstring(L, c->protocol);
}

static void push_buffered(lua_State *L, void *self) {
  lua_pushinteger(L, (lua_Integer)websocket_buffered(self));
}

static void describe(lua_State *L, void *self) {
  const struct websocket *c = self;
  lua_pushfstring(L, "WebSocket: %s (%s)", c->shown_url, lib_link_status(&c->link));
}

static void collect(struct runtime *rt, void *self) {
  (void)rt;
  websocket_deinit(self);
}

static const luaL_Reg METHODS[] = {{"send", lib_link_send},
                                   {"terminate", lib_link_terminate},
                                   {"destroy", lib_link_destroy},
                                   {"ping", lib_link_ping},
                                   {"opened", websocket_wait_opened},
                                   {"receive", websocket_wait_receive},
                                   {"messages", websocket_wait_messages},
                                   {NULL, NULL}};

static const struct object_property PROPERTIES[] = {{"dataType", push_data_type},
                                                    {"handler", lib_link_push_handler},
                                                    {"id", lib_link_push_id},
                                                    {"status", lib_link_push_status},
                                                    {"url", push_url},
                                                    {"protocol", push_protocol},
                                                    {"bufferedAmount", push_buffered},
                                                    {NULL, NULL}};

const struct link_kind WEBSOCKET_KIND = {
    .class = {.name = "WebSocket",
              .methods = METHODS,
              .properties = PROPERTIES,
              .fields = LINK_FIELDS,
              .describe = describe,
              .gc = collect},
    .error = CALL_CLIENT_ERROR,
    .level = LOG_INFO,
    .has_server = false,
    .scope = websocket_scope,
    .config = websocket_config_of,
    .quit = websocket_quit,
    .open = websocket_open,
    .keep = websocket_keep,
    .fail = websocket_fail,
    .lose = websocket_lose,
    .end = websocket_end,
    .leave = websocket_leave,
};

void lib_websocket_open(lua_State *L) {
  object_open(L, WEBSOCKET_CLASS);
  lua_newtable(L);
  lua_pushcfunction(L, new);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "WebSocket");
}
