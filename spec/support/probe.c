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
