// The table of addresses for specs: by itself, and between threads.

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "mailbox/addresses.h"
#include "probe.h"

#define ADDRESSES "probe.addresses"

enum { THREADS_MAX = 8 };

static int new (lua_State *L) {
  addresses_init(lua_newuserdatauv(L, sizeof(struct addresses), 0));
  luaL_setmetatable(L, ADDRESSES);
  return 1;
}

static int gc(lua_State *L) {
  addresses_deinit(luaL_checkudata(L, 1, ADDRESSES));
  return 0;
}

// addresses:enter(text, limit) -> entry, or nil
static int enter(lua_State *L) {
  struct addresses_entry *entry = addresses_enter(
      luaL_checkudata(L, 1, ADDRESSES), luaL_checkstring(L, 2), (uint64_t)luaL_checkinteger(L, 3));
  if (entry)
    lua_pushlightuserdata(L, entry);
  else
    lua_pushnil(L);
  return 1;
}

static int leave(lua_State *L) {
  addresses_leave(luaL_checkudata(L, 1, ADDRESSES), lua_touserdata(L, 2));
  return 0;
}

static int used(lua_State *L) {
  lua_pushinteger(
      L, (lua_Integer)((struct addresses *)luaL_checkudata(L, 1, ADDRESSES))->entries.used);
  return 1;
}

struct storm {
  struct addresses *addresses;
  uint64_t rounds;
  uint64_t limit;
  atomic_int inside;
  atomic_int most;
};

static void *come_and_go(void *context) {
  struct storm *s = context;
  for (uint64_t i = 0; i < s->rounds; i++) {
    struct addresses_entry *entry = addresses_enter(s->addresses, "127.0.0.1", s->limit);
    if (!entry) continue;
    int inside = atomic_fetch_add(&s->inside, 1) + 1;
    int most = atomic_load(&s->most);
    while (inside > most && !atomic_compare_exchange_weak(&s->most, &most, inside))
      ;
    atomic_fetch_sub(&s->inside, 1);
    addresses_leave(s->addresses, entry);
  }
  return NULL;
}

// addresses:storm(threads, rounds, limit) -> how many of one address were in at once
static int storm(lua_State *L) {
  int count = (int)luaL_checkinteger(L, 2);
  luaL_argcheck(L, count >= 1 && count <= THREADS_MAX, 2, "1 to 8");
  struct storm s = {.addresses = luaL_checkudata(L, 1, ADDRESSES),
                    .rounds = (uint64_t)luaL_checkinteger(L, 3),
                    .limit = (uint64_t)luaL_checkinteger(L, 4)};
  pthread_t threads[THREADS_MAX];
  for (int i = 0; i < count; i++)
    pthread_create(&threads[i], NULL, come_and_go, &s);
  for (int i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
  lua_pushinteger(L, atomic_load(&s.most));
  return 1;
}

static const luaL_Reg METHODS[] = {{"enter", enter}, {"leave", leave}, {"used", used},
                                   {"storm", storm}, {"__gc", gc},     {NULL, NULL}};

static const luaL_Reg FUNCTIONS[] = {{"new", new}, {NULL, NULL}};

int probe_open_addresses(lua_State *L) {
  probe_add_class(L, ADDRESSES, METHODS);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
