// Tracebacks. Runs in the Lua thread.

#include "script/traceback.h"

#include <lauxlib.h>
#include <string.h>

// The chunk names of embedded modules: "=luaws/calls.lua".
#define OWN_PREFIX "=luaws/"

enum {
  FIRST = 10, // frames shown at the top of a deep stack,
  LAST = 11   // and at its bottom
};

bool traceback_is_own(const lua_Debug *frame) {
  return strncmp(frame->source, OWN_PREFIX, strlen(OWN_PREFIX)) == 0;
}

static bool get_frame(lua_State *co, int level, lua_Debug *frame) {
  return lua_getstack(co, level, frame) && lua_getinfo(co, "Slnt", frame);
}

static bool is_scripts(const lua_Debug *frame) {
  return frame->what[0] != 'C' && !traceback_is_own(frame);
}

int traceback_count_levels(lua_State *co) {
  lua_Debug frame;
  int low = 0, high = 1; // level `low` - 1 exists, `high` doesn't
  while (lua_getstack(co, high - 1, &frame)) {
    low = high;
    high *= 2;
  }
  while (low < high - 1) {
    int middle = (low + high) / 2;
    if (lua_getstack(co, middle - 1, &frame))
      low = middle;
    else
      high = middle;
  }
  return low;
}

bool traceback_find_place(lua_State *co, lua_Debug *frame) {
  for (int level = 0; get_frame(co, level, frame); level++) {
    if (is_scripts(frame)) return true;
  }
  return false;
}

// Pushes the name by which a library has the function of `frame`, "string.rep" for example. False,
// and nothing, when none has.
static bool push_library_name(lua_State *L, lua_Debug *frame) {
  int top = lua_gettop(L);
  lua_getinfo(L, "f", frame);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (lua_pushnil(L); lua_next(L, top + 2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1)) continue;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      if (lua_type(L, -2) != LUA_TSTRING || !lua_rawequal(L, -1, top + 1)) continue;
      const char *library = lua_tostring(L, -4), *name = lua_tostring(L, -2);
      if (strcmp(library, LUA_GNAME) == 0)
        lua_pushstring(L, name);
      else
        lua_pushfstring(L, "%s.%s", library, name);
      lua_replace(L, top + 1);
      lua_settop(L, top + 1);
      return true;
    }
  }
  lua_settop(L, top);
  return false;
}

static void push_name(lua_State *L, lua_Debug *frame) {
  if (push_library_name(L, frame)) {
    lua_pushfstring(L, "function '%s'", lua_tostring(L, -1));
    lua_remove(L, -2);
  } else if (frame->namewhat[0] != '\0') {
    lua_pushfstring(L, "%s '%s'", frame->namewhat, frame->name);
  } else if (strcmp(frame->what, "main") == 0) {
    lua_pushliteral(L, "main chunk");
  } else if (frame->what[0] != 'C') {
    lua_pushfstring(L, "function <%s:%d>", frame->short_src, frame->linedefined);
  } else {
    lua_pushliteral(L, "?");
  }
}

// One string.
static void push_line(lua_State *L, lua_Debug *frame, bool is_first, bool is_last) {
  lua_pushfstring(L, "%s\t%s:", is_first ? "" : "\n", frame->short_src);
  if (frame->currentline > 0)
    lua_pushfstring(L, "%d: in ", frame->currentline);
  else
    lua_pushliteral(L, " in ");
  push_name(L, frame);
  lua_pushstring(L, frame->istailcall && !is_last ? "\n\t(...tail calls...)" : "");
  lua_concat(L, 4);
}

const char *traceback_push_lines(lua_State *L, lua_State *co) {
  lua_Debug frame;
  int first = 0, end = traceback_count_levels(co);
  while (first < end && get_frame(co, first, &frame) && !is_scripts(&frame))
    first++;
  while (end > first && get_frame(co, end - 1, &frame) && !is_scripts(&frame))
    end--;
  luaL_checkstack(L, FIRST + LAST + LUA_MINSTACK, "no room for a traceback");
  int top = lua_gettop(L);
  for (int level = first; level < end; level++) {
    int skipped = end - LAST - level;
    if (level == first + FIRST && skipped > 0) {
      lua_pushfstring(L, "\n\t...\t(skipping %d levels)", skipped);
      level += skipped;
    }
    if (!get_frame(co, level, &frame) || traceback_is_own(&frame)) continue;
    push_line(L, &frame, lua_gettop(L) == top, level == end - 1);
  }
  lua_concat(L, lua_gettop(L) - top);
  return lua_tostring(L, -1);
}
