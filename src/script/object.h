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
  const char *name;                           // "WebSocketConnection"
  const luaL_Reg *methods;                    // ends with a NULL name
  const struct object_property *properties;   // the same
  int fields;                                 // user value that holds the script's fields, 0: none
  void (*describe)(lua_State *L, void *self); // tostring: pushes a string
  void (*gc)(struct runtime *rt, void *self); // or NULL
};

// What each object's memory begins with.
struct object {
  const struct object_class *class; // NULL: finalized
};

// Registers the class in the state.
void object_open(lua_State *L, const struct object_class *class);

// Pushes a new object of `size` bytes, which begins with a struct object and is zero behind it,
// with `user_values` user values.
void *object_new(lua_State *L, const struct object_class *class, size_t size, int user_values);

// The object at `index`, or NULL when it isn't of that class. Nobody else's userdata begins with
// the address of one of ours; a light userdata has no length.
static inline void *object_to(lua_State *L, int index, const struct object_class *class) {
  if (lua_rawlen(L, index) < sizeof(struct object)) return NULL;
  struct object *self = lua_touserdata(L, index);
  return self && self->class == class ? self : NULL;
}

// Pushes the table with the fields of the object at `index`, of a class that has some. It is made
// when there is none. Where a property has the same name, the script never gets at a field: there
// the class may keep something of its own.
void object_push_fields(lua_State *L, int index);

// Pushes the value, no table, that the class has put in the place of the fields before there were
// any (a user value for it alone would cost 16 bytes): it has moved into the table with them.
void object_push_kept(lua_State *L, int index);

// members(value): of an object of ours the table of its methods and properties, and that of its
// fields or nil; of anything else nothing. A lua_CFunction.
int object_list_members(lua_State *L);

// Raises: "send: expected a WebSocketConnection to call it on, got string 'abc' (is it called with
// ':'?)".
int object_refuse_self(lua_State *L, const struct object_class *class, const char *method);

// The object that a method was called on; raises when it isn't one.
static inline void *object_self(lua_State *L, const struct object_class *class,
                                const char *method) {
  void *self = object_to(L, 1, class);
  if (!self) object_refuse_self(L, class, method);
  return self;
}

#endif
