#ifndef SCRIPT_REQUEST_H
#define SCRIPT_REQUEST_H

// The `event.request` table of the Lua API, made from an event's request. Worker's thread.

#include <lua.h>
#include <stdbool.h>
#include "http/pattern.h"
#include "mailbox/event.h"

// Registers the metatable of header tables. Once a state, after json_open.
void request_open(lua_State *L);

// Pushes the table: headers, query, url, path, params, method, protocols, remoteAddress ("" for a
// unix socket), remotePort (then 0), secure, peerCertificate (if the client has shown one), and
// `body` when `with_body`. `pattern` gives the params (NULL: none). A name or value in the query
// with a bad percent-encoding stays as it was sent. The script may keep the table.
void request_push(lua_State *L, const struct event_request *r, const struct http_pattern *pattern,
                  bool with_body);

// Pushes a table of what the pattern's names stand for in a path (encoded); empty when there is no
// pattern or no match.
void request_push_params(lua_State *L, struct span path, const struct http_pattern *pattern);

#endif
