#ifndef SCRIPT_PROXY_H
#define SCRIPT_PROXY_H

// The HTTP proxy that a client goes through: the script's, or the environment's. Runs in the
// worker's thread.

#include <lua.h>
#include <stdbool.h>
#include "mailbox/config.h"

// Option `proxy`, the value at the top of the stack: a URL, or false for none. Sets c->proxy_*, or
// raises with `label`, as a check of args_option does. Whoever it serves doesn't ask
// proxy_find then.
void proxy_read_option(lua_State *L, const char *label, struct client_config *c);

// What the environment says for c->host, c->port and c->is_secure: HTTPS_PROXY for wss, HTTP_PROXY
// for ws, unless NO_PROXY names the host (http/noproxy.h). Of each the name in lower case comes
// first; an empty one counts as none. In a CGI program, where HTTP_PROXY may come from a client's
// header, it isn't looked at. Sets c->proxy_*. False: the variable holds no proxy's URL; a message
// for people has been pushed.
bool proxy_find(lua_State *L, struct client_config *c);

#endif
