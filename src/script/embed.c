// Looks up the Lua modules that the build has put into the binary. Any thread.

#include <string.h>
#include "script/embed.h"

const struct embed_module *embed_find(const char *name) {
  for (const struct embed_module *module = embed_modules; module->name; module++)
    if (strcmp(module->name, name) == 0) return module;
  return NULL;
}
