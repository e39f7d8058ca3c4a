#ifndef SCRIPT_WEBSOCKET_WAIT_H
#define SCRIPT_WEBSOCKET_WAIT_H

// The waiting style of WebSocket: methods with which a task waits for a client. Lua thread.

#include <lua.h>

int websocket_wait_opened(lua_State *L);   // ws:opened([timeout])
int websocket_wait_receive(lua_State *L);  // ws:receive([timeout])
int websocket_wait_messages(lua_State *L); // for data, isBinary in ws:messages()

#endif
