// Gathers the probes into one module. Runs in luaws-spec.

#include "probe.h"

int luaopen_probe(lua_State *L) {
  lua_newtable(L);
#define PROBE(name)                                                                                \
  probe_open_##name(L);                                                                            \
  lua_setfield(L, -2, #name);
  PROBE_LIST
#undef PROBE
  return 1;
}

void probe_add_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
