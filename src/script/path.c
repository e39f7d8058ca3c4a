// Where relative paths start. Runs in the Lua thread.

#include "script/path.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/tls_settings.h"

char *path_resolve(const char *folder, const char *path) {
  if (path[0] == '/' || tls_settings_is_text(path)) return mem_dup_string(path);
  size_t size = strlen(folder) + strlen(path) + 2;
  char *resolved = mem_alloc(size);
  snprintf(resolved, size, "%s/%s", folder, path);
  return resolved;
}
