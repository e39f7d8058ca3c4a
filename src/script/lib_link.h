#ifndef SCRIPT_LIB_LINK_H
#define SCRIPT_LIB_LINK_H

// Methods and properties that WebSocketConnection and WebSocket have in common. Lua thread.

#include <lua.h>
#include "script/link.h"

int lib_link_send(lua_State *L);
int lib_link_terminate(lua_State *L);
int lib_link_destroy(lua_State *L);
int lib_link_ping(lua_State *L);

void lib_link_push_handler(lua_State *L, void *self);
void lib_link_push_id(lua_State *L, void *self);
void lib_link_push_status(lua_State *L, void *self);

// What `status` says.
const char *lib_link_status(const struct link *link);

// Pushes nil, "closed", and returns their number.
int lib_link_push_closed(lua_State *L);

#endif
