#ifndef SCRIPT_COPY_H
#define SCRIPT_COPY_H

// Values on their way from one Lua state to another: copied into bytes and made of them again. Nil,
// booleans, numbers (integers stay integers, floats keep every bit), strings, luaws.null, blobs and
// tables of these, whose metatables stay behind but for luaws.array's. A table that occurs more
// than once, or in itself, does so there. Needs only a lua_State; runs in its thread.

#include <lua.h>
#include <stddef.h>
#include "base/buf.h"

// How deep tables may lie in each other.
#define COPY_DEPTH_MAX 128

// Appends the `count` values from index `first` on. 0; ERR_INVALID or ERR_TOO_BIG (past the
// buffer's ceiling) with a message pushed, and the buffer as it was:
// "argument 2.callbacks[3] is a function, which can't be copied". `what` is the word for one of the
// values. May raise when Lua's memory is out. Raw access only: no metamethod is called.
int copy_encode(lua_State *L, int first, int count, const char *what, struct buf *out);

// Pushes the values and returns how many they are. `data` is what copy_encode has written. Raises
// when Lua's memory or stack is out.
int copy_decode(lua_State *L, const char *data, size_t length);

#endif
