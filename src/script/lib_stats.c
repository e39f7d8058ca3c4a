// luaws.stats(): the counters of all reactors and workers of the process, summed. Lua thread.

#include <lauxlib.h>
#include <stddef.h>
#include <stdio.h>
#include "base/clock.h"
#include "mailbox/stats.h"
#include "script/lib.h"
#include "script/runtime.h"

// Of the counter at that place in each part.
static uint64_t sum(const struct stats_all *all, size_t offset) {
  uint64_t total = 0;
  for (unsigned i = 0; i < all->count; i++) {
    const char *part = (const char *)all->parts[i];
    total += atomic_load_explicit((const _Atomic uint64_t *)(part + offset), memory_order_relaxed);
  }
  return total;
}

static void set_sum(lua_State *L, const struct stats_all *all, const char *name, size_t offset) {
  lua_pushinteger(L, (lua_Integer)sum(all, offset));
  lua_setfield(L, -2, name);
}

// Those of an array of counters that aren't 0, under their numbers as strings: so that the table is
// an object in JSON.
static void set_numbered(lua_State *L, const struct stats_all *all, size_t offset, int first,
                         int count) {
  for (int i = 0; i < count; i++) {
    uint64_t n = sum(all, offset + (size_t)i * sizeof(_Atomic uint64_t));
    if (n == 0) continue;
    char name[12];
    snprintf(name, sizeof name, "%d", first + i);
    lua_pushinteger(L, (lua_Integer)n);
    lua_setfield(L, -2, name);
  }
}

#define AT(member) offsetof(struct stats, member)

static void push_refused(lua_State *L, const struct stats_all *all) {
  lua_newtable(L);
  set_numbered(L, all, AT(refused), STATS_STATUS_MIN, STATS_STATUSES);
}

// Of the struct stats_closed at that place.
static void push_codes(lua_State *L, const struct stats_all *all, size_t offset) {
  lua_newtable(L);
  set_numbered(L, all, offset + offsetof(struct stats_closed, codes), STATS_CODE_MIN, STATS_CODES);
  set_numbered(L, all, offset + offsetof(struct stats_closed, own_codes), STATS_OWN_CODE_MIN,
               STATS_OWN_CODES);
}

static void push_closed(lua_State *L, const struct stats_all *all) {
  push_codes(L, all, AT(closed));
}

static void push_clients(lua_State *L, const struct stats_all *all) {
  lua_createtable(L, 0, 4);
  set_sum(L, all, "open", AT(clients));
  set_sum(L, all, "opened", AT(clients_opened));
  set_sum(L, all, "failed", AT(clients_failed));
  push_codes(L, all, AT(clients_closed));
  lua_setfield(L, -2, "closed");
}

static void push_errors(lua_State *L, const struct stats_all *all) {
  lua_newtable(L);
  for (int i = 0; i < STATS_COMPONENTS; i++) {
    uint64_t n = sum(all, AT(errors) + (size_t)i * sizeof(_Atomic uint64_t));
    if (n == 0) continue;
    lua_pushinteger(L, (lua_Integer)n);
    lua_setfield(L, -2, stats_component_name((enum stats_component)i));
  }
}

static void push_received(lua_State *L, const struct stats_all *all) {
  lua_createtable(L, 0, 3);
  set_sum(L, all, "messages", AT(received_messages));
  set_sum(L, all, "bytes", AT(received_bytes));
  set_sum(L, all, "wire", AT(received_wire));
}

static void push_sent(lua_State *L, const struct stats_all *all) {
  lua_createtable(L, 0, 3);
  set_sum(L, all, "messages", AT(sent_messages));
  set_sum(L, all, "bytes", AT(sent_bytes));
  set_sum(L, all, "wire", AT(sent_wire));
}

static int push_all(lua_State *L) {
  static const struct {
    const char *name;
    void (*push)(lua_State *L, const struct stats_all *all);
  } TABLES[] = {{"refused", push_refused}, {"closed", push_closed},     {"clients", push_clients},
                {"errors", push_errors},   {"received", push_received}, {"sent", push_sent}};
  const struct stats_all *all = lua_touserdata(L, 1);
  lua_createtable(L, 0, 13);
  lua_pushnumber(L, (lua_Number)(clock_ms() - all->started_at) / 1000);
  lua_setfield(L, -2, "uptime");
  set_sum(L, all, "connections", AT(connections));
  set_sum(L, all, "accepted", AT(accepted));
  set_sum(L, all, "tlsFailed", AT(tls_failed));
  set_sum(L, all, "opened", AT(opened));
  set_sum(L, all, "requests", AT(requests));
  set_sum(L, all, "dropped", AT(dropped));
  set_sum(L, all, "undelivered", AT(undelivered));
  for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
    TABLES[i].push(L, all);
    lua_setfield(L, -2, TABLES[i].name);
  }
  return 1;
}

// What is summed stays meanwhile; running out of memory must not leave the lock taken.
int lib_stats_push(lua_State *L) {
  struct stats_all *all = &runtime_of(L)->options->pool->stats;
  lua_settop(L, 0);
  lua_pushcfunction(L, push_all);
  lua_pushlightuserdata(L, all);
  pthread_mutex_lock(&all->lock);
  int status = lua_pcall(L, 1, 1, 0);
  pthread_mutex_unlock(&all->lock);
  return status == LUA_OK ? 1 : lua_error(L);
}
