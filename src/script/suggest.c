// Levenshtein's distance between names. Any thread, but for what takes a Lua state.

#include "script/suggest.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>
#include "script/vm.h"

enum {
  NAME_MAX_LIKE = 32, // longer names are nothing like another
  DISTANCE_MAX = 2,
};

static unsigned least_of(unsigned a, unsigned b, unsigned c) {
  unsigned least = a < b ? a : b;
  return least < c ? least : c;
}

// Case aside; a great number for names that are far too long.
static unsigned edit_distance(const char *a, const char *b) {
  size_t columns = strlen(b);
  if (strlen(a) > NAME_MAX_LIKE || columns > NAME_MAX_LIKE) return NAME_MAX_LIKE;
  unsigned row[NAME_MAX_LIKE + 1];
  for (unsigned j = 0; j <= columns; j++)
    row[j] = j;
  for (unsigned i = 1; a[i - 1]; i++) {
    unsigned diagonal = row[0];
    row[0] = i;
    for (unsigned j = 1; j <= columns; j++) {
      bool differ = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
      unsigned here = least_of(row[j] + 1, row[j - 1] + 1, diagonal + differ);
      diagonal = row[j];
      row[j] = here;
    }
  }
  return row[columns];
}

void suggest_init(struct suggest *s, const char *name) {
  *s = (struct suggest){.name = name, .least = DISTANCE_MAX + 1};
}

void suggest_try(struct suggest *s, const char *candidate) {
  unsigned distance = edit_distance(s->name, candidate);
  // Two changes in a name of three letters leave nothing of it.
  if (distance >= s->least || distance * 2 > strlen(candidate)) return;
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
