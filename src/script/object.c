// Classes of userdata. One look-up in a class's table of members finds a method or the number of a
// property; what isn't there is a field of the script's. Runs in the Lua thread.

#include "script/object.h"

#include <string.h>
#include "script/args.h"

// Its address is a key among an object's fields.
static const char KEPT_KEY;

static int read_member(lua_State *L);
static int write_member(lua_State *L);
static int describe(lua_State *L);
static int collect(lua_State *L);

// The registry keeps the metatables by the addresses of their classes.
void object_open(lua_State *L, const struct object_class *class) {
  lua_createtable(L, 0, 6); // metatable
  lua_newtable(L);          // members
  luaL_setfuncs(L, class->methods, 0);
  for (int i = 0; class->properties[i].name; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, class->properties[i].name);
  }
  const struct {
    const char *name;
    lua_CFunction function;
  } metamethods[] = {{"__index", read_member},
                     {"__newindex", write_member},
                     {"__tostring", describe},
                     {"__gc", collect}};
  for (size_t i = 0; i < sizeof metamethods / sizeof metamethods[0]; i++) {
    lua_pushvalue(L, -1);
    lua_pushlightuserdata(L, (void *)class);
    lua_pushcclosure(L, metamethods[i].function, 2);
    lua_setfield(L, -3, metamethods[i].name);
  }
  lua_pop(L, 1);
  lua_pushstring(L, class->name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, class);
}

void *object_new(lua_State *L, const struct object_class *class, size_t size, int user_values) {
  struct object *self = lua_newuserdatauv(L, size, user_values);
  memset(self, 0, size);
  self->class = class;
  lua_rawgetp(L, LUA_REGISTRYINDEX, class);
  lua_setmetatable(L, -2);
  return self;
}

void object_push_fields(lua_State *L, int index) {
  const struct object *self = lua_touserdata(L, index);
  if (lua_getiuservalue(L, index, self->class->fields) == LUA_TTABLE) return;
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, &KEPT_KEY);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, self->class->fields);
}

void object_push_kept(lua_State *L, int index) {
  const struct object *self = lua_touserdata(L, index);
  if (lua_getiuservalue(L, index, self->class->fields) != LUA_TTABLE) return;
  lua_rawgetp(L, -1, &KEPT_KEY);
  lua_remove(L, -2);
}

int object_list_members(lua_State *L) {
  lua_settop(L, 1);
  const struct object *self = lua_touserdata(L, 1);
  if (lua_rawlen(L, 1) < sizeof *self || !self || !lua_getmetatable(L, 1)) return 0;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, self->class) != LUA_TTABLE || !lua_rawequal(L, -1, 2))
    return 0;
  lua_getfield(L, 2, "__index");
  lua_getupvalue(L, -1, 1);
  if (self->class->fields == 0) return 1;
  lua_getiuservalue(L, 1, self->class->fields);
  if (lua_type(L, -1) == LUA_TTABLE) return 2;
  lua_pop(L, 1);
  return 1;
}

int object_refuse_self(lua_State *L, const struct object_class *class, const char *method) {
  return args_error(L, "%s: expected a %s to call it on, got %s (is it called with ':'?)", method,
                    class->name, args_describe(L, 1));
}

static const struct object_class *class_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(2));
}

// Metamethods may be reached with anything as `self` (through debug.getmetatable).
static void *check_self(lua_State *L, const struct object_class *class) {
  void *self = object_to(L, 1, class);
  if (!self) luaL_error(L, "a %s is needed here", class->name);
  return self;
}

static int read_member(lua_State *L) {
  lua_pushvalue(L, 2);
  int type = lua_rawget(L, lua_upvalueindex(1));
  if (type == LUA_TFUNCTION) return 1;
  const struct object_class *class = class_of(L);
  void *self = check_self(L, class);
  if (type == LUA_TNUMBER) {
    class->properties[lua_tointeger(L, -1)].push(L, self);
    return 1;
  }
  if (class->fields == 0 || lua_getiuservalue(L, 1, class->fields) != LUA_TTABLE) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

static void refuse_write(lua_State *L, const struct object_class *class, int type) {
  if (type == LUA_TFUNCTION)
    args_error(L, "'%s' is a method of %s and can't be replaced", lua_tostring(L, 2), class->name);
  if (type == LUA_TNUMBER)
    args_error(L, "'%s' of a %s is read-only", lua_tostring(L, 2), class->name);
  args_error(L, "a %s has no field %s to set", class->name, args_describe(L, 2));
}

static int write_member(lua_State *L) {
  const struct object_class *class = class_of(L);
  check_self(L, class);
  lua_pushvalue(L, 2);
  int type = lua_rawget(L, lua_upvalueindex(1));
  lua_pop(L, 1);
  if (type != LUA_TNIL || class->fields == 0) refuse_write(L, class, type);
  object_push_fields(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, -3);
  return 0;
}

static int describe(lua_State *L) {
  const struct object_class *class = class_of(L);
  class->describe(L, check_self(L, class));
  return 1;
}

// A finalizer of the script's may still come across the object: then it is of no class any more.
static int collect(lua_State *L) {
  const struct object_class *class = class_of(L);
  struct object *self = object_to(L, 1, class);
  if (!self) return 0;
  if (class->gc) class->gc(runtime_of(L), self);
  self->class = NULL;
  return 0;
}
