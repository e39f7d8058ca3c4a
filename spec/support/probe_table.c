// Hashing for specs: SipHash, and the hash table with numbers in it.

#include <lauxlib.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "probe.h"

#define TABLE "probe.table"

struct entry {
  struct table_node node;
  lua_Integer value;
};

// hash(k0, k1, bytes)
static int hash(lua_State *L) {
  struct hash_key key = {(uint64_t)luaL_checkinteger(L, 1), (uint64_t)luaL_checkinteger(L, 2)};
  size_t n;
  const char *bytes = luaL_checklstring(L, 3, &n);
  lua_pushinteger(L, (lua_Integer)hash_bytes(&key, bytes, n));
  return 1;
}

// key() -> k0, k1: a random one
static int new_key(lua_State *L) {
  struct hash_key key;
  hash_key_init(&key);
  lua_pushinteger(L, (lua_Integer)key.k0);
  lua_pushinteger(L, (lua_Integer)key.k1);
  return 2;
}

static int new_table(lua_State *L) {
  table_init(lua_newuserdatauv(L, sizeof(struct table), 0));
  luaL_setmetatable(L, TABLE);
  return 1;
}

static struct table *check_table(lua_State *L) {
  return luaL_checkudata(L, 1, TABLE);
}

static struct entry *find(lua_State *L) {
  uint64_t hash = (uint64_t)luaL_checkinteger(L, 2);
  lua_Integer value = luaL_checkinteger(L, 3);
  for (struct table_node *n = table_first(check_table(L), hash); n; n = table_next(n)) {
    struct entry *e = LIST_ENTRY(n, struct entry, node);
    if (e->value == value) return e;
  }
  return NULL;
}

// t:add(hash, value)
static int add(lua_State *L) {
  struct entry *e = mem_zalloc(sizeof *e);
  e->value = luaL_checkinteger(L, 3);
  table_add(check_table(L), &e->node, (uint64_t)luaL_checkinteger(L, 2));
  return 0;
}

// t:has(hash, value)
static int has(lua_State *L) {
  lua_pushboolean(L, find(L) != NULL);
  return 1;
}

// t:remove(hash, value)
static int drop(lua_State *L) {
  struct entry *e = find(L);
  if (!e) return luaL_error(L, "not in the table");
  table_remove(check_table(L), &e->node);
  mem_free(e);
  return 0;
}

// t:size() -> entries, buckets
static int size(lua_State *L) {
  const struct table *t = check_table(L);
  lua_pushinteger(L, (lua_Integer)t->used);
  lua_pushinteger(L, (lua_Integer)t->bucket_count);
  return 2;
}

static int collect(lua_State *L) {
  struct table *t = check_table(L);
  for (size_t i = 0; i < t->bucket_count; i++) {
    for (struct table_node *n = t->buckets[i], *next; n; n = next) {
      next = n->next;
      mem_free(LIST_ENTRY(n, struct entry, node));
    }
  }
  table_deinit(t);
  return 0;
}

int probe_open_table(lua_State *L) {
  static const luaL_Reg methods[] = {{"add", add},   {"has", has},      {"remove", drop},
                                     {"size", size}, {"__gc", collect}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"hash", hash}, {"key", new_key}, {"new", new_table}, {NULL, NULL}};
  probe_add_class(L, TABLE, methods);
  luaL_newlib(L, functions);
  return 1;
}
