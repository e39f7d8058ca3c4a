// Damerau's distance between names. Any thread, but for what takes a Lua state.

#include "script/suggest.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>
#include "script/vm.h"

enum {
  NAME_MAX_LIKE = 32, // longer names are nothing like another
  DISTANCE_MAX = 2,
};

static bool are_alike(char a, char b) {
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least_of(unsigned a, unsigned b, unsigned c) {
  unsigned least = a < b ? a : b;
  return least < c ? least : c;
}

// Case aside. Two neighbours that have changed places are one change, as a letter too many, too few
// or wrong is. A great number for names that are far too long.
static unsigned edit_distance(const char *a, const char *b) {
  size_t columns = strlen(b);
  if (strlen(a) > NAME_MAX_LIKE || columns > NAME_MAX_LIKE) return NAME_MAX_LIKE;
  unsigned rows[3][NAME_MAX_LIKE + 1]; // of this letter of a, the one before, the one before that
  for (unsigned j = 0; j <= columns; j++)
    rows[0][j] = j;
  for (unsigned i = 1; a[i - 1]; i++) {
    unsigned *here = rows[i % 3], *above = rows[(i - 1) % 3], *over = rows[(i + 1) % 3];
    here[0] = i;
    for (unsigned j = 1; j <= columns; j++) {
      unsigned replaced = above[j - 1] + !are_alike(a[i - 1], b[j - 1]);
      here[j] = least_of(above[j] + 1, here[j - 1] + 1, replaced);
      bool swapped =
          i > 1 && j > 1 && are_alike(a[i - 1], b[j - 2]) && are_alike(a[i - 2], b[j - 1]);
      if (swapped && over[j - 2] < here[j]) here[j] = over[j - 2] + 1;
    }
  }
  return rows[strlen(a) % 3][columns];
}

void suggest_init(struct suggest *s, const char *name) {
  *s = (struct suggest){.name = name, .least = DISTANCE_MAX + 1};
}

void suggest_try(struct suggest *s, const char *candidate) {
  unsigned distance = edit_distance(s->name, candidate);
  // Two changes in a name of four letters make another word of it.
  if (distance >= s->least || distance * 2 >= strlen(candidate)) return;
  s->least = distance;
  s->best = candidate;
}

// suggest(name, candidates): the table keeps the candidates.
static int push_suggestion(lua_State *L) {
  struct suggest s;
  suggest_init(&s, luaL_checkstring(L, 1));
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer count = luaL_len(L, 2);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, 2, i) == LUA_TSTRING) suggest_try(&s, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_pushstring(L, s.best);
  return 1;
}

static int open_suggest(lua_State *L) {
  lua_pushcfunction(L, push_suggestion);
  return 1;
}

void suggest_preload(lua_State *L) {
  vm_preload(L, "luaws.suggest", open_suggest);
}
