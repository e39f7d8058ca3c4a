// src/script/args for specs: one option of each kind.

#include <lauxlib.h>
#include "base/mem.h"
#include "mailbox/config.h"
#include "probe.h"
#include "script/args.h"

#define SETTINGS "probe.args.settings"

struct settings {
  uint64_t timeout;
  uint64_t interval;
  uint64_t max_size;
  uint64_t max_count;
  char *path;
  char *host;
  char **protocols;
  uint16_t port;
  bool flag;
  char value[32]; // type that `check` has seen
};

static void check_path(lua_State *L, const char *label, void *target) {
  struct settings *s = target;
  if (s->path[0] != '/')
    args_error(L, "%s must start with '/', got %s", label, args_describe(L, -1));
}

static void check_value(lua_State *L, const char *label, void *target) {
  struct settings *s = target;
  (void)label;
  snprintf(s->value, sizeof s->value, "%s", luaL_typename(L, -1));
}

static const struct args_option OPTIONS[] = {
    {"timeout", ARGS_SECONDS, offsetof(struct settings, timeout), true, NULL},
    {"interval", ARGS_SECONDS, offsetof(struct settings, interval), false, NULL},
    {"maxSize", ARGS_SIZE, offsetof(struct settings, max_size), true, NULL},
    {"maxCount", ARGS_COUNT, offsetof(struct settings, max_count), false, NULL},
    {"path", ARGS_STRING, offsetof(struct settings, path), false, check_path},
    {"host", ARGS_STRING, offsetof(struct settings, host), true, NULL},
    {"protocols", ARGS_STRINGS, offsetof(struct settings, protocols), true, NULL},
    {"port", ARGS_PORT, offsetof(struct settings, port), false, NULL},
    {"flag", ARGS_FLAG, offsetof(struct settings, flag), false, NULL},
    {"value", ARGS_VALUE, 0, false, check_value},
    {"web", ARGS_VALUE, 0, false, NULL},
    {0}};

static int free_settings(lua_State *L) {
  struct settings *s = lua_touserdata(L, 1);
  mem_free(s->path);
  mem_free(s->host);
  mem_free_strings(s->protocols);
  return 0;
}

static struct settings *new_settings(lua_State *L) {
  struct settings *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct settings){.port = 8080, .host = mem_dup("localhost", 9)};
  luaL_setmetatable(L, SETTINGS);
  return s;
}

// A time or size: "off" for CONFIG_NONE.
static void set_limit(lua_State *L, const char *name, uint64_t value) {
  if (value == CONFIG_NONE)
    lua_pushliteral(L, "off");
  else
    lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

static void push_settings(lua_State *L, const struct settings *s) {
  lua_newtable(L);
  set_limit(L, "timeout", s->timeout);
  set_limit(L, "interval", s->interval);
  set_limit(L, "maxSize", s->max_size);
  set_limit(L, "maxCount", s->max_count);
  set_limit(L, "port", s->port);
  lua_pushboolean(L, s->flag);
  lua_setfield(L, -2, "flag");
  lua_pushstring(L, s->path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, s->host);
  lua_setfield(L, -2, "host");
  lua_pushstring(L, s->value);
  lua_setfield(L, -2, "value");
  if (!s->protocols) return;
  lua_newtable(L);
  for (int i = 0; s->protocols[i]; i++) {
    lua_pushstring(L, s->protocols[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "protocols");
}

// read(options...): reads each into the same struct, one after the other -> what is in it then
static int read_options(lua_State *L) {
  int count = lua_gettop(L);
  struct settings *s = new_settings(L);
  int top = lua_gettop(L);
  for (int i = 1; i <= count; i++)
    args_read_options(L, i, OPTIONS, s, "Thing.new");
  luaL_argcheck(L, lua_gettop(L) == top, 1, "the stack is not as promised");
  push_settings(L, s);
  return 1;
}

static int describe(lua_State *L) {
  luaL_checkany(L, 1);
  args_describe(L, 1);
  return 1;
}

static int nearest(lua_State *L) {
  lua_pushstring(L, args_nearest(luaL_checkstring(L, 1), OPTIONS));
  return 1;
}

static int close_code(lua_State *L) {
  lua_pushinteger(L, args_close_code(L, 1));
  return 1;
}

static int fail(lua_State *L) {
  return args_error(L, "%s", luaL_checkstring(L, 1));
}

int probe_open_args(lua_State *L) {
  static const luaL_Reg functions[] = {{"read", read_options}, {"describe", describe},
                                       {"nearest", nearest},   {"closeCode", close_code},
                                       {"fail", fail},         {NULL, NULL}};
  luaL_newmetatable(L, SETTINGS);
  lua_pushcfunction(L, free_settings);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
