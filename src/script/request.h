#ifndef SCRIPT_REQUEST_H
#define SCRIPT_REQUEST_H

// The `event.request` table of the Lua API, made from an event's request. Worker's thread.

#include <lua.h>
#include "http/pattern.h"
#include "mailbox/event.h"

// Registers the metatable of header tables. Once a state.
void request_open(lua_State *L);

// Pushes the table: headers, query, url, path, params, method, protocols, remoteAddress,
// remotePort, secure, and `body` when `with_body`. `pattern` gives the params (NULL: none).
// The script may keep it.
void request_push(lua_State *L, const struct event_request *r, const struct http_pattern *pattern,
                  bool with_body);

#endif
