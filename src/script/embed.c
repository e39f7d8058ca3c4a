// Looks up what the build has put into the binary. Any thread, but for what takes a Lua state.

#include "script/embed.h"

#include <lauxlib.h>
#include <string.h>
#include "script/vm.h"

const struct embed_module *embed_find(const char *name) {
  for (const struct embed_module *module = embed_modules; module->name; module++)
    if (strcmp(module->name, name) == 0) return module;
  return NULL;
}

static int open_texts(lua_State *L) {
  lua_newtable(L);
  for (const struct embed_module *text = embed_texts; text->name; text++) {
    lua_pushlstring(L, (const char *)text->data, text->size);
    lua_setfield(L, -2, text->name);
  }
  return 1;
}

void embed_preload(lua_State *L) {
  vm_preload(L, "luaws.texts", open_texts);
}
