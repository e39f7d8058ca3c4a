// What the client of the specs does with many bytes: masks, without the code under test.

#include <lauxlib.h>
#include <lua.h>
#include "probe.h"

// mask(payload, key): the payload with the four bytes of the key over it, again and again
static int mask(lua_State *L) {
  size_t n, key_length;
  const char *payload = luaL_checklstring(L, 1, &n);
  const char *key = luaL_checklstring(L, 2, &key_length);
  luaL_argcheck(L, key_length == 4, 2, "four bytes expected");
  luaL_Buffer out;
  char *masked = luaL_buffinitsize(L, &out, n);
  for (size_t i = 0; i < n; i++)
    masked[i] = (char)(payload[i] ^ key[i % 4]);
  luaL_pushresultsize(&out, n);
  return 1;
}

int probe_open_wire(lua_State *L) {
  static const luaL_Reg functions[] = {{"mask", mask}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
