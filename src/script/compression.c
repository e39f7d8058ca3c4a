// The option `compression`. Runs in the worker's thread.

#include "script/compression.h"

#include "script/args.h"

enum { THRESHOLD_MAX = 1 << 30 }; // no message is longer

const struct compression COMPRESSION_DEFAULT = {
    .level = 6,
    .window_bits = 15,
    .mem_level = 8,
    .threshold = 1024,
};

static void check_threshold(lua_State *L, const char *label, void *target) {
  struct compression *c = target;
  c->threshold = (uint64_t)args_integer(L, label, 0, THRESHOLD_MAX);
}

static void check_level(lua_State *L, const char *label, void *target) {
  struct compression *c = target;
  c->level = (uint8_t)args_integer(L, label, 0, 9);
}

static void check_window_bits(lua_State *L, const char *label, void *target) {
  struct compression *c = target;
  if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) == 8)
    args_error(L, "%s can't be 8: zlib compresses with windows of 9 to 15 bits", label);
  c->window_bits = (uint8_t)args_integer(L, label, 9, 15);
}

static void check_mem_level(lua_State *L, const char *label, void *target) {
  struct compression *c = target;
  c->mem_level = (uint8_t)args_integer(L, label, 1, 9);
}

static const struct args_option OPTIONS[] = {
    {"threshold", ARGS_VALUE, 0, false, check_threshold},
    {"contextTakeover", ARGS_FLAG, offsetof(struct compression, context_takeover), false, NULL},
    {"level", ARGS_VALUE, 0, false, check_level},
    {"windowBits", ARGS_VALUE, 0, false, check_window_bits},
    {"memLevel", ARGS_VALUE, 0, false, check_mem_level},
    {NULL, 0, 0, false, NULL},
};

void compression_read(lua_State *L, const char *label, struct compression *c) {
  bool is_table = lua_istable(L, -1);
  if (!is_table && !lua_isboolean(L, -1))
    args_error(L, "%s must be true, false or a table, got %s", label, args_describe(L, -1));
  *c = COMPRESSION_DEFAULT;
  c->on = lua_toboolean(L, -1);
  if (is_table) args_read_options(L, -1, OPTIONS, c, label);
}
