// src/cli/row for specs.

#include <lauxlib.h>
#include <locale.h>
#include <stdlib.h>
#include <wchar.h>
#include "base/mem.h"
#include "cli/row.h"
#include "probe.h"

// row.ofCursor(text, column, columns): text is UTF-8
static int of_cursor(lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (!utf8) return luaL_error(L, "no locale C.UTF-8");
  locale_t before = uselocale(utf8);
  size_t room = lua_rawlen(L, 1) + 1;
  wchar_t *wide = mem_alloc(room * sizeof *wide);
  size_t length = mbstowcs(wide, text, room);
  size_t row = row_of_cursor(wide, length, (unsigned)luaL_checkinteger(L, 2),
                             (unsigned)luaL_checkinteger(L, 3));
  mem_free(wide);
  uselocale(before);
  freelocale(utf8);
  lua_pushinteger(L, (lua_Integer)row);
  return 1;
}

int probe_open_row(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, of_cursor);
  lua_setfield(L, -2, "ofCursor");
  return 1;
}
