#ifndef SCRIPT_COMPRESSION_H
#define SCRIPT_COMPRESSION_H

// The option `compression`, of servers. Runs in the worker's thread.

#include <lua.h>
#include "mailbox/config.h"

// What it is when nothing else is said: off.
extern const struct compression COMPRESSION_DEFAULT;

// Reads the value at the top of the stack, false, true or a table, over *c; raises for what is
// wrong with it. `label` names the option.
void compression_read(lua_State *L, const char *label, struct compression *c);

#endif
