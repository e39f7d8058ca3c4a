#ifndef SCRIPT_EMBED_H
#define SCRIPT_EMBED_H

// luaws's own Lua modules (lua/luaws/*.lua) and the texts that they write out, which travel inside
// the binary. The build makes the tables out of the files. Constant data: any thread may read it.

#include <lua.h>
#include <stddef.h>

struct embed_module {
  const char *name;          // as required: "luaws", "luaws.class"
  const unsigned char *data; // Lua source text; a 0 that size does not count follows it
  size_t size;
};

// Ends with a row whose name is NULL.
extern const struct embed_module embed_modules[];

// The same, of files that are no modules: their names are paths, "meta.lua".
extern const struct embed_module embed_texts[];

// The module of that name, or NULL.
const struct embed_module *embed_find(const char *name);

// Makes `require "luaws.texts"` work: a table of the texts by name. Worker's thread.
void embed_preload(lua_State *L);

#endif
