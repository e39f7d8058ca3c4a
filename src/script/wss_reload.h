#ifndef SCRIPT_WSS_RELOAD_H
#define SCRIPT_WSS_RELOAD_H

// WebSocket servers while a script is reloaded (reload.h). Lua thread.

#include <lua.h>
#include <stdbool.h>
#include "script/runtime.h"

struct wss;

// WebSocketServer.new in a script that is being reloaded, its handler at index 1: if the generation
// before has such a server, that goes on with handler and options of `fresh`, once the reload is
// committed, and is pushed. Raises when the new generation has taken it over already.
bool wss_reload_take_over(lua_State *L, struct wss *fresh);

// Appends, as { server, handler }, each that is taken over and its new handler to the array on top.
void wss_reload_list_taken(struct runtime *rt, lua_State *L);

// Appends the servers that there will be to the array on top.
void wss_reload_list(struct runtime *rt, lua_State *L);

// Lets `map` replace the new generation's handlers: one is on top of L.
void wss_reload_map(struct runtime *rt, lua_State *L, void (*map)(lua_State *L));

// The new code stands by: tells the other workers which servers there will be here. Must come
// before the vote, so that all know when one commits.
void wss_reload_keep(struct runtime *rt);

// Those that are taken over go on with what is new; the old generation's others are terminated,
// or left to the workers that keep them.
// Appends notes for people to the array on top of L.
void wss_reload_commit(struct runtime *rt, lua_State *L);

// As if nothing had been. The new generation's own are dropped.
void wss_reload_rollback(struct runtime *rt);

#endif
