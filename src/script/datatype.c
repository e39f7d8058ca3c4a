// The names of data types. Runs in the Lua thread.

#include "script/datatype.h"

#include <string.h>
#include "script/args.h"

static const char *const NAMES[] = {
    [DATATYPE_TEXT] = "text", [DATATYPE_BLOB] = "blob", [DATATYPE_OBJECT] = "object"};

const char *datatype_name(enum datatype type) {
  return NAMES[type];
}

enum datatype datatype_read(lua_State *L, const char *label) {
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  for (int i = DATATYPE_TEXT; i <= DATATYPE_OBJECT; i++) {
    if (strcmp(name, NAMES[i]) == 0) return (enum datatype)i;
  }
  args_error(L, "%s must be 'text', 'blob' or 'object', got %s", label, args_describe(L, -1));
  return DATATYPE_TEXT;
}

void datatype_check(lua_State *L, const char *label, void *target) {
  (void)target;
  datatype_read(L, label);
}
