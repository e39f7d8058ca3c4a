#ifndef SCRIPT_DATATYPE_H
#define SCRIPT_DATATYPE_H

// The option dataType of servers and clients: what a message's data is for the script, and how
// strings are sent. Lua thread.

#include <lua.h>

enum datatype { DATATYPE_TEXT, DATATYPE_BLOB, DATATYPE_OBJECT };

// "text", "blob" or "object".
const char *datatype_name(enum datatype type);

// The value at the top of the stack; raises for another one. `label` is how messages call it.
enum datatype datatype_read(lua_State *L, const char *label);

// For a struct args_option: only checks.
void datatype_check(lua_State *L, const char *label, void *target);

#endif
