// Coroutines of the script's own. Runs in the Lua thread.

#include "script/coroutines.h"

#include <lauxlib.h>
#include <stdbool.h>
#include "script/runtime.h"
#include "script/traceback.h"

// In the registry: a table of the latest error that a wrapped coroutine has raised, and its
// traceback.
static const char ORIGIN;
enum { ORIGIN_ERROR = 1, ORIGIN_TRACEBACK = 2 };

static lua_State *check_coroutine(lua_State *L, int index) {
  lua_State *co = lua_tothread(L, index);
  luaL_argexpected(L, co, index, "coroutine");
  return co;
}

// Resumes `co` with what is on top of L. The number of its results, which are there then; -1: it
// has failed, or can't be resumed, and the error value is there.
static int resume(lua_State *L, lua_State *co, int arguments) {
  struct runtime *rt = runtime_of(L);
  if (!lua_checkstack(co, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, arguments);
  int results;
  budget_switch(rt, co);
  int status = lua_resume(co, L, arguments, &results);
  budget_switch(rt, L);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

// coroutine.resume(co, ...)
static int resume_protected(lua_State *L) {
  lua_State *co = check_coroutine(L, 1);
  int results = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, results >= 0);
  int returned = results >= 0 ? results : 1;
  lua_insert(L, -(returned + 1));
  return returned + 1;
}

void coroutines_take_traceback(lua_State *L, int index) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 3, "no room for a traceback");
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &ORIGIN) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  lua_rawgeti(L, -1, ORIGIN_ERROR);
  if (lua_rawequal(L, -1, index))
    lua_rawgeti(L, -2, ORIGIN_TRACEBACK);
  else
    lua_pushnil(L);
  lua_replace(L, -3);
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ORIGIN);
}

// `co` has failed with the error on top of L. Leaves there its traceback, behind that of the
// coroutines that the error has come through before.
static void push_origin(lua_State *L, lua_State *co) {
  coroutines_take_traceback(L, -1);
  bool has_inner = !lua_isnil(L, -1);
  if (has_inner)
    lua_pushliteral(L, "\n");
  else
    lua_pop(L, 1);
  traceback_push_lines(L, co);
  lua_pushliteral(L, "\n\t(a coroutine, resumed in)");
  lua_concat(L, has_inner ? 4 : 2);
}

// The traceback is on top, the error value below it; takes the traceback.
static void keep_origin(lua_State *L) {
  lua_createtable(L, 2, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, ORIGIN_TRACEBACK);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, ORIGIN_ERROR);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ORIGIN);
}

// Closes a coroutine that has failed: the error that remains, an own one of its __close methods
// perhaps, takes the place of the one on top of L.
static int close_failed(lua_State *L, lua_State *co) {
  struct runtime *rt = runtime_of(L);
  budget_switch(rt, co);
  int status = lua_resetthread(co);
  budget_switch(rt, L);
  lua_xmove(co, L, 1);
  lua_replace(L, -2);
  return status;
}

// What coroutine.wrap returns.
static int resume_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int results = resume(L, co, lua_gettop(L));
  if (results >= 0) return results;
  int status = lua_status(co);
  bool has_failed = status != LUA_OK && status != LUA_YIELD;
  if (has_failed) {
    struct runtime *rt = runtime_of(L);
    size_t limit = alloc_unbind(&rt->alloc); // it must come to closing
    push_origin(L, co);
    rt->alloc.limit = limit;
    lua_insert(L, -2);
    status = close_failed(L, co);
  }
  // As Lua has it: with the place where it has been resumed.
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  if (has_failed) {
    lua_insert(L, -2);
    keep_origin(L);
  }
  return lua_error(L);
}

// coroutine.wrap(f)
static int wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, resume_wrapped, 1);
  return 1;
}

// coroutine.close(co): Lua's own is upvalue 1.
static int close_coroutine(lua_State *L) {
  lua_State *co = check_coroutine(L, 1);
  struct runtime *rt = runtime_of(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  budget_switch(rt, co);
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  budget_switch(rt, L);
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

void coroutines_open(lua_State *L) {
  lua_getglobal(L, "coroutine");
  lua_pushcfunction(L, resume_protected);
  lua_setfield(L, -2, "resume");
  lua_pushcfunction(L, wrap);
  lua_setfield(L, -2, "wrap");
  lua_getfield(L, -1, "close");
  lua_pushcclosure(L, close_coroutine, 1);
  lua_setfield(L, -2, "close");
  lua_pop(L, 1);
}
