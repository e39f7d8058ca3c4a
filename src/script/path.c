// Where relative paths start. Runs in the Lua thread.

#include "script/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

#define PEM_BEGIN "-----BEGIN"

char *path_resolve(const char *folder, const char *path) {
  bool is_whole = path[0] == '/' || strncmp(path, PEM_BEGIN, sizeof PEM_BEGIN - 1) == 0;
  if (is_whole) return mem_dup(path, strlen(path));
  size_t size = strlen(folder) + strlen(path) + 2;
  char *resolved = mem_alloc(size);
  snprintf(resolved, size, "%s/%s", folder, path);
  return resolved;
}
