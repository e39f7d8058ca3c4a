#ifndef SCRIPT_TLS_OPTION_H
#define SCRIPT_TLS_OPTION_H

// The setting `tls` of a web server, as the script writes it. Whether the files are any good is
// found out by whoever reads them. Runs in the worker's thread.

#include <lua.h>
#include "base/tls_settings.h"
#include "mailbox/config.h"

// Reads the value at the top of the stack over c->tls: a table of options, a table of such tables
// by server name, or false. `label` names the setting in complaints, which raise.
void tls_option_read(lua_State *L, const char *label, struct web_config *c);

// Makes paths in *s absolute: the relative ones start at `folder`, which is.
void tls_option_resolve(struct tls_settings *s, const char *folder);

#endif
