#ifndef SCRIPT_HEADERS_H
#define SCRIPT_HEADERS_H

// Tables of HTTP headers that a script passes: names with a string each, or an array of strings.
// Lua thread.

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"

enum { HEADERS_MAX = 64 * 1024 }; // bytes of them together: nobody takes more

struct headers_reader {
  const char *what; // for messages: "onConnection"
  bool (*is_reserved)(struct span name);
  // Raises. Formats are those of lua_pushfstring and printf alike: %s and %d.
  int (*fail)(lua_State *L, const char *format, ...);
  void (*add)(void *context, struct span name, struct span value);
  void *context;
  size_t size; // of what has been read
};

// Hands over what is in the table at `index`; nil: nothing.
void headers_read(lua_State *L, int index, struct headers_reader *r);

#endif
