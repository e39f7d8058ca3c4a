#ifndef SCRIPT_SUGGEST_H
#define SCRIPT_SUGGEST_H

// Which name may have been meant by one that isn't known: "did you mean 'dataType'?". Any thread,
// but for the function that takes a Lua state.

#include <lua.h>
#include <stdbool.h>

// A search among candidates, begun with the name alone set.
struct suggest {
  const char *name;
  const char *best; // NULL: none is like it
  unsigned least;
};

void suggest_init(struct suggest *s, const char *name);

// Takes a candidate when it is the most like so far: edit distance 2 at most, case aside, and less
// for short ones. It must stay while the search goes on.
void suggest_try(struct suggest *s, const char *candidate);

// Makes `require "luaws.suggest"` work: a function(name, { candidate, ... }) -> candidate or nil.
void suggest_preload(lua_State *L);

#endif
