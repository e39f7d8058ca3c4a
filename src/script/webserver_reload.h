#ifndef SCRIPT_WEBSERVER_RELOAD_H
#define SCRIPT_WEBSERVER_RELOAD_H

// Web servers while a script is reloaded (reload.h). Lua thread.

#include <lua.h>
#include <stdbool.h>
#include "script/runtime.h"

struct webserver;

// The script has started or used it: it stays.
void webserver_claim(struct runtime *rt, struct webserver *web);

// Whether it runs for an earlier generation than the one that is being made ready.
bool webserver_reload_is_old(const struct runtime *rt, const struct webserver *web);

// WebServer.new in a script that is being reloaded: if the generation before has one that listens
// at the place that fresh->draft names, that goes on with these settings and is pushed. The table
// of settings is at index 1.
bool webserver_reload_take_over(lua_State *L, struct webserver *fresh);

// start on one for which webserver_reload_is_old: reads the settings at `index` into web->draft.
void webserver_reload_read_settings(lua_State *L, struct webserver *web, int index);

// And then: it goes on with the draft, and the handler in the table at `index`, once the reload is
// committed. `self` is at `self_index`.
void webserver_reload_stage(lua_State *L, struct webserver *web, int self_index, int index);

// Or: the draft can't be, since it would listen elsewhere. That is told with the reload.
void webserver_reload_refuse(struct runtime *rt, struct webserver *web);

// Appends, as { handler, handler }, the old and the new one of each that goes on to the array on
// top.
void webserver_reload_list_taken(struct runtime *rt, lua_State *L);

// Lets `map` replace the new handlers: one is on top of L.
void webserver_reload_map(struct runtime *rt, lua_State *L, void (*map)(lua_State *L));

// As wss_reload_keep.
void webserver_reload_keep(struct runtime *rt);

// Those that the new generation wants go on with its settings, the old one's others are stopped, or
// left to the workers that keep them.
// Appends notes for people to the array on top of L.
void webserver_reload_commit(struct runtime *rt, lua_State *L);

// As if nothing had been. Those that the new generation has started are stopped.
void webserver_reload_rollback(struct runtime *rt);

#endif
