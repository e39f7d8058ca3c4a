// The functions of the module itself. Runs in the Lua thread.

#include <lauxlib.h>
#include <stdio.h>
#include "script/args.h"
#include "script/ask.h"
#include "script/console.h"
#include "script/lib.h"
#include "script/runtime.h"
#include "script/wait.h"

enum { EXIT_CODE_MAX = 255 };

// luaws.exit([code]): returns; the end comes when the servers have ended.
static int exit_cleanly(lua_State *L) {
  lua_Integer code = 0;
  int is_integer = 1;
  if (!lua_isnoneornil(L, 1)) code = lua_tointegerx(L, 1, &is_integer);
  if (!is_integer || code < 0 || code > EXIT_CODE_MAX)
    return args_error(L, "luaws.exit: expected an integer from 0 to %d, got %s", EXIT_CODE_MAX,
                      args_describe(L, 1));
  runtime_stop(runtime_of(L), (int)code);
  return 0;
}

// Lua's own print, but in one piece: lines of several workers must not mix. What a line of an
// attached console prints, that gets.
static int print_line(lua_State *L) {
  int count = lua_gettop(L);
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  for (int i = 1; i <= count; i++) {
    if (i > 1) luaL_addchar(&line, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&line);
  }
  luaL_addchar(&line, '\n');
  luaL_pushresult(&line);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  console_print(runtime_of(L), text, size);
  return 0;
}

void lib_luaws_open(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {
      {"sleep", wait_sleep},           {"await", wait_await},
      {"spawn", wait_spawn},           {"stats", lib_stats_push},
      {"exit", exit_cleanly},          {"reload", lib_reload_ask},
      {"callWorker", ask_call_worker}, {"askWorker", ask_ask_worker},
      {"killWorker", ask_kill_worker}, {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
  const struct runtime *rt = runtime_of(L);
  if (!rt->options->name) {
    lua_pushinteger(L, (lua_Integer)rt->options->index + 1);
    lua_setfield(L, -2, "workerIndex");
  }
  lua_pushstring(L, rt->seat->name);
  lua_setfield(L, -2, "workerName");
  lua_register(L, "print", print_line);
}
