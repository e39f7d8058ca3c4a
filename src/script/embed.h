#ifndef SCRIPT_EMBED_H
#define SCRIPT_EMBED_H

// luaws's own Lua modules (lua/luaws/*.lua), which travel inside the binary. The build makes the
// table out of the files. Constant data: any thread may read it.

#include <stddef.h>

struct embed_module {
  const char *name;          // as required: "luaws", "luaws.class"
  const unsigned char *data; // Lua source text; a 0 that size does not count follows it
  size_t size;
};

// Ends with a row whose name is NULL.
extern const struct embed_module embed_modules[];

// The module of that name, or NULL.
const struct embed_module *embed_find(const char *name);

#endif
