#ifndef SCRIPT_WEBSOCKET_OPTIONS_H
#define SCRIPT_WEBSOCKET_OPTIONS_H

// What WebSocket.new is called with: URL, handler, options. Lua thread.

#include <lua.h>
#include <stdbool.h>
#include "script/websocket.h"

// Reads the URL at index 1, the handler (nil: none) at 2 and the options at 3 into *c. Raises for a
// misuse. False: there can be no such client; a message for people has been pushed.
bool websocket_options_read(lua_State *L, struct websocket *c);

#endif
