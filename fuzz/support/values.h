#ifndef FUZZ_VALUES_H
#define FUZZ_VALUES_H

// Lua values, compared.

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

// A state with luaws.json and what belongs to it; never closed.
lua_State *values_open(void);

// Whether two values are the same: numbers of the same kind and sign, tables with equal values
// under the same keys (and, with `marks`, both or neither marked as an array). Indices are
// absolute.
bool values_equal(lua_State *L, int a, int b, bool marks);

// Drops everything that is on the stack: at the end of each run, so that as much is freed as was
// allocated and nobody looks for leaks in vain.
void values_drop(lua_State *L);

size_t values_count(lua_State *L, int table);

#endif
