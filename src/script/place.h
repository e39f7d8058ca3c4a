#ifndef SCRIPT_PLACE_H
#define SCRIPT_PLACE_H

// Where in a source an error is. Lua thread.

#include <lua.h>
#include <stdbool.h>
#include "script/excerpt.h"
#include "script/runtime.h"

struct place {
  char file[LUA_IDSIZE]; // as Lua's messages name it; "": unknown
  int line;              // 0: unknown
  const char *source;    // as in lua_Debug; good as long as its function lives; NULL: unknown
  size_t source_length;
};

// Finds it for an error that has stopped `co` (or for where `co` is, without a message): where the
// message says, else the nearest frame of a script. Either may be NULL. `is_nested`: the message
// has come through coroutines, which have put their own places in front.
void place_find(struct place *p, lua_State *co, const char *message, bool is_nested);

// The lines around it. False, and "": they can't be had.
bool place_excerpt(const struct runtime *rt, const struct place *p, char excerpt[EXCERPT_MAX]);

#endif
