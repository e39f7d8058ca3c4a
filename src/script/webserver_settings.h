#ifndef SCRIPT_WEBSERVER_SETTINGS_H
#define SCRIPT_WEBSERVER_SETTINGS_H

// The settings of a web server: `settings` and `draft` of struct webserver. Lua thread.

#include <lua.h>
#include "mailbox/config.h"
#include "script/webserver.h"

// The default ones.
struct web_config *webserver_settings_new(const char *host);

// Reads the table at `index` (nil: nothing) over the settings into web->draft; raises for what is
// wrong with it. `what` names the call.
void webserver_settings_read(lua_State *L, struct webserver *web, int index, const char *what);

// The same over those of `base` instead.
void webserver_settings_read_over(lua_State *L, struct webserver *web,
                                  const struct web_config *base, int index, const char *what);

// The default settings, but for where `web` listens.
struct web_config *webserver_settings_default(const struct webserver *web);

// Makes the draft the settings, with the handler in the table at `index`. `self` is at
// `self_index`.
void webserver_settings_commit(lua_State *L, struct webserver *web, int self_index, int index);

// What the reactors are told: the settings and the command line's, paths made absolute.
struct web_config *webserver_settings_make(const struct runtime *rt, const struct webserver *web);

#endif
