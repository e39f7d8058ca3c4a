#ifndef SCRIPT_LIB_H
#define SCRIPT_LIB_H

// The parts of the `luaws` module that are written in C. Each function adds its own to the table at
// the top of the stack. Lua thread.

#include <lua.h>

struct runtime;

void lib_luaws_open(lua_State *L);      // sleep, await, spawn, stats, exit, workers; and print
void lib_timer_open(lua_State *L);      // after, every
void lib_log_open(lua_State *L);        // log
void lib_connection_open(lua_State *L); // the class WebSocketConnection (no constructor)
void lib_websocket_open(lua_State *L);  // WebSocket
void lib_wss_open(lua_State *L);        // WebSocketServer
void lib_webserver_open(lua_State *L);  // WebServer, webServer

// The functions in C that lua/luaws/reload.lua is made with: pushes a table.
void lib_reload_push(lua_State *L);

// luaws.reload()
int lib_reload_ask(lua_State *L);

// Makes `require "luaws.wired"` work.
void lib_wired_preload(lua_State *L);

// luaws.stats()
int lib_stats_push(lua_State *L);

// Methods and properties about topics: of a connection, then of a WebSocketServer.
int lib_topic_subscribe(lua_State *L);
int lib_topic_unsubscribe(lua_State *L);
int lib_topic_publish(lua_State *L);
void lib_topic_push_all(lua_State *L, void *link);
int lib_topic_publish_all(lua_State *L);
int lib_topic_count(lua_State *L);

// Cancels every timer, or those of a scope; in the latter case their calls that wait must be ended,
// too.
void lib_timer_end_all(struct runtime *rt);
void lib_timer_end_scope(struct runtime *rt, unsigned scope);

// trial_add for the repeated ones of a scope, to the array on top of L.
void lib_timer_list(struct runtime *rt, unsigned scope, lua_State *L);

// Lets `map` replace the function of each timer of a scope: it is on top of L.
void lib_timer_map(struct runtime *rt, unsigned scope, lua_State *L, void (*map)(lua_State *L));

#endif
