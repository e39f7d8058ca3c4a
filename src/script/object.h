#ifndef SCRIPT_OBJECT_H
#define SCRIPT_OBJECT_H

// Classes of userdata: methods, read-only properties, and fields that the script may add. Lua
// thread.

#include <lauxlib.h>
#include <lua.h>
#include "script/runtime.h"

struct object_property {
  const char *name;
  void (*push)(lua_State *L, void *self); // pushes its value; `self` is at index 1
};

struct object_class {
  enum object_kind kind;
  const luaL_Reg *methods;                    // ends with a NULL name
  const struct object_property *properties;   // the same
  int fields;                                 // user value that holds the script's fields, 0: none
  void (*describe)(lua_State *L, void *self); // tostring: pushes a string
  void (*gc)(struct runtime *rt, void *self); // or NULL
};

// Registers the class in the state.
void object_open(lua_State *L, const struct object_class *class);

// Pushes a new object of `size` zeroed bytes with `user_values` user values.
void *object_new(lua_State *L, const struct object_class *class, size_t size, int user_values);

// The object at `index`, or NULL when it isn't of that class.
static inline void *object_to(lua_State *L, int index, enum object_kind kind) {
  void *self = lua_touserdata(L, index);
  if (!self || !lua_getmetatable(L, index)) return NULL;
  const void *metatable = lua_topointer(L, -1);
  lua_pop(L, 1);
  return metatable == runtime_of(L)->metatables[kind] ? self : NULL;
}

// The object that a method was called on; raises when it isn't one: "send: expected a
// WebSocketConnection to call it on, got string 'abc' (is it called with ':'?)".
void *object_self(lua_State *L, enum object_kind kind, const char *method);

#endif
