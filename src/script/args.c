// Checks what a script passes and words the complaint. Runs in the worker's thread.

#include "script/args.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/character.h"
#include "base/mem.h"
#include "mailbox/config.h"
#include "script/suggest.h"
#include "ws/utf8.h"

enum {
  MESSAGE_MAX = 512,
  SHOWN_MAX = 24, // bytes of a string that a message shows
};

// More seconds than that (317 years) are as good as this many, and their milliseconds fit.
static const double SECONDS_MAX = 1e10;

static void push_position(lua_State *L);
static void push_shown(lua_State *L, const char *text, size_t length);
static void check_names(lua_State *L, int index, const struct args_option *options,
                        const char *what);
static void read_option(lua_State *L, const struct args_option *option, void *target,
                        const char *label);

int args_error(lua_State *L, const char *format, ...) {
  char text[MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  push_position(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return lua_error(L);
}

bool args_is_callable(lua_State *L, int index) {
  if (lua_isfunction(L, index)) return true;
  int type = luaL_getmetafield(L, index, "__call");
  if (type != LUA_TNIL) lua_pop(L, 1);
  return type == LUA_TFUNCTION;
}

const char *args_describe(lua_State *L, int index) {
  index = lua_absindex(L, index);
  size_t length;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN: return lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
  case LUA_TNUMBER:
    // Of a copy: lua_tostring would turn the number itself into a string.
    lua_pushvalue(L, index);
    lua_pushfstring(L, "number %s", lua_tostring(L, -1));
    lua_remove(L, -2);
    return lua_tostring(L, -1);
  case LUA_TSTRING:
    text = lua_tolstring(L, index, &length);
    push_shown(L, text, length);
    lua_pushfstring(L, "string '%s'", lua_tostring(L, -1));
    lua_remove(L, -2);
    return lua_tostring(L, -1);
  case LUA_TUSERDATA:
    if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) return lua_tostring(L, -1);
    break;
  default: break;
  }
  return lua_pushstring(L, luaL_typename(L, index));
}

void args_read_options(lua_State *L, int index, const struct args_option *options, void *target,
                       const char *what) {
  if (lua_isnoneornil(L, index)) return;
  index = lua_absindex(L, index);
  if (!lua_istable(L, index))
    args_error(L, "%s: options must be a table, got %s", what, args_describe(L, index));
  check_names(L, index, options, what);
  for (const struct args_option *option = options; option->name; option++) {
    const char *label = lua_pushfstring(L, "%s: option '%s'", what, option->name);
    if (lua_getfield(L, index, option->name) != LUA_TNIL) read_option(L, option, target, label);
    lua_pop(L, 2);
  }
}

lua_Integer args_integer(lua_State *L, const char *label, lua_Integer least, lua_Integer most) {
  int is_integer = 0;
  lua_Integer value = 0;
  if (lua_type(L, -1) == LUA_TNUMBER) value = lua_tointegerx(L, -1, &is_integer);
  if (!is_integer || value < least || value > most)
    args_error(L, "%s must be an integer from %lld to %lld, got %s", label, (long long)least,
               (long long)most, args_describe(L, -1));
  return value;
}

const char *args_nearest(const char *name, const struct args_option *options) {
  struct suggest suggestion;
  suggest_init(&suggestion, name);
  for (; options->name; options++)
    suggest_try(&suggestion, options->name);
  return suggestion.best;
}

unsigned args_close_code(lua_State *L, int index) {
  int is_integer = 0;
  lua_Integer code = 0;
  if (lua_type(L, index) == LUA_TNUMBER) code = lua_tointegerx(L, index, &is_integer);
  if (!is_integer || (code != 1000 && (code < 3000 || code > 4999)))
    args_error(L, "terminate: the code must be 1000 or an integer from 3000 to 4999, got %s",
               args_describe(L, index));
  return (unsigned)code;
}

// Embedded modules are named "=luaws/class.lua" (a script's own file begins with "@").
static bool is_own(const char *source) {
  return strncmp(source, "=luaws/", 7) == 0 || strcmp(source, "=luaws") == 0;
}

// Finds the first Lua function that is not luaws's own.
static bool find_caller(lua_State *L, lua_Debug *ar) {
  for (int level = 0; lua_getstack(L, level, ar); level++) {
    lua_getinfo(L, "Sl", ar);
    if (ar->currentline > 0 && !is_own(ar->source)) return true;
  }
  return false;
}

// Pushes "file:line: ", or "" when no Lua function called.
static void push_position(lua_State *L) {
  lua_Debug ar;
  if (find_caller(L, &ar))
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
  else
    lua_pushliteral(L, "");
}

char *args_copy_place(lua_State *L) {
  lua_Debug ar;
  if (!find_caller(L, &ar)) return NULL;
  char place[sizeof ar.short_src + 16];
  snprintf(place, sizeof place, "%s:%d", ar.short_src, ar.currentline);
  return mem_dup_string(place);
}

// Pushes the beginning of a text, on one line, without half a character at its end.
static void push_shown(lua_State *L, const char *text, size_t length) {
  size_t n = character_cut(text, length, SHOWN_MAX);
  bool is_utf8 = ws_utf8_valid(text, n);
  char shown[SHOWN_MAX];
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    shown[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : text[i];
  }
  lua_pushlstring(L, shown, n);
  lua_pushstring(L, n < length ? "..." : "");
  lua_concat(L, 2);
}

static bool is_known(const char *name, const struct args_option *options) {
  for (; options->name; options++) {
    if (strcmp(name, options->name) == 0) return true;
  }
  return false;
}

static void check_names(lua_State *L, int index, const struct args_option *options,
                        const char *what) {
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      args_error(L, "%s: options have names, got the key %s", what, args_describe(L, -2));
    size_t length;
    const char *name = lua_tolstring(L, -2, &length);
    if (strlen(name) == length && is_known(name, options)) continue;
    const char *like = args_nearest(name, options);
    push_shown(L, name, length);
    const char *shown = lua_tostring(L, -1);
    if (like) args_error(L, "%s: unknown option '%s' (did you mean '%s'?)", what, shown, like);
    args_error(L, "%s: unknown option '%s'", what, shown);
  }
}

// The value that is to be read stands at the top of the stack.
static int fail_expected(lua_State *L, const struct args_option *option, const char *label,
                         const char *expected) {
  return args_error(L, "%s must be %s%s, got %s", label, expected,
                    option->may_be_off ? ", or false" : "", args_describe(L, -1));
}

static uint64_t read_seconds(lua_State *L, const struct args_option *option, const char *label) {
  double seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  if (!(seconds > 0) || isinf(seconds))
    fail_expected(L, option, label, "a number of seconds above 0");
  if (seconds > SECONDS_MAX) seconds = SECONDS_MAX;
  uint64_t ms = (uint64_t)(seconds * 1000 + 0.5);
  return ms > 0 ? ms : 1;
}

static uint64_t read_positive(lua_State *L, const struct args_option *option, const char *label,
                              const char *expected) {
  int is_integer = 0;
  lua_Integer value = 0;
  if (lua_type(L, -1) == LUA_TNUMBER) value = lua_tointegerx(L, -1, &is_integer);
  if (!is_integer || value < 1) fail_expected(L, option, label, expected);
  return (uint64_t)value;
}

static bool read_flag(lua_State *L, const struct args_option *option, const char *label) {
  if (!lua_isboolean(L, -1)) fail_expected(L, option, label, "true or false");
  return lua_toboolean(L, -1);
}

static void read_string(lua_State *L, const struct args_option *option, char **target,
                        const char *label) {
  if (lua_type(L, -1) != LUA_TSTRING) fail_expected(L, option, label, "a string");
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (strlen(text) != length) args_error(L, "%s must not contain a NUL byte", label);
  mem_free(*target);
  *target = mem_dup(text, length);
}

static void replace_strings(char ***target, char **strings) {
  mem_free_strings(*target);
  *target = strings;
}

// Copies element `i` of the array at the top of the stack.
static char *copy_element(lua_State *L, lua_Unsigned i, const char *label) {
  if (lua_rawgeti(L, -1, (lua_Integer)i) != LUA_TSTRING)
    args_error(L, "%s must be an array of strings, got %s at [%d]", label, args_describe(L, -1),
               (int)i);
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (strlen(text) != length) args_error(L, "%s must not contain a NUL byte", label);
  char *copy = mem_dup(text, length);
  lua_pop(L, 1);
  return copy;
}

static void read_strings(lua_State *L, const struct args_option *option, char ***target,
                         const char *label) {
  bool is_single = lua_type(L, -1) == LUA_TSTRING;
  if (!is_single && !lua_istable(L, -1)) fail_expected(L, option, label, "an array of strings");
  lua_Unsigned count = is_single ? 1 : lua_rawlen(L, -1);
  // Put where its owner frees it before anything can raise.
  replace_strings(target, mem_zalloc((size_t)(count + 1) * sizeof(char *)));
  if (is_single) {
    read_string(L, option, &(*target)[0], label);
    return;
  }
  for (lua_Unsigned i = 1; i <= count; i++)
    (*target)[i - 1] = copy_element(L, i, label);
  lua_Unsigned keys = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    keys++;
  if (keys != count) args_error(L, "%s must be an array of strings, without other keys", label);
}

// Writes what `false` stands for.
static void switch_off(enum args_kind kind, void *to) {
  switch (kind) {
  case ARGS_SECONDS:
  case ARGS_SIZE:
  case ARGS_COUNT: *(uint64_t *)to = CONFIG_NONE; break;
  case ARGS_STRING:
    mem_free(*(char **)to);
    *(char **)to = NULL;
    break;
  case ARGS_STRINGS: replace_strings(to, NULL); break;
  case ARGS_PORT:
  case ARGS_FLAG:
  case ARGS_VALUE: break;
  }
}

static void read_option(lua_State *L, const struct args_option *option, void *target,
                        const char *label) {
  void *to = (char *)target + option->offset;
  bool is_false = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
  if (is_false && option->may_be_off && option->kind != ARGS_VALUE) {
    switch_off(option->kind, to);
    return;
  }
  switch (option->kind) {
  case ARGS_SECONDS: *(uint64_t *)to = read_seconds(L, option, label); break;
  case ARGS_SIZE:
    *(uint64_t *)to = read_positive(L, option, label, "an integer above 0 (bytes)");
    break;
  case ARGS_COUNT: *(uint64_t *)to = read_positive(L, option, label, "an integer above 0"); break;
  case ARGS_STRING: read_string(L, option, to, label); break;
  case ARGS_STRINGS: read_strings(L, option, to, label); break;
  case ARGS_PORT: *(uint16_t *)to = (uint16_t)args_integer(L, label, 0, UINT16_MAX); break;
  case ARGS_FLAG: *(bool *)to = read_flag(L, option, label); break;
  case ARGS_VALUE: break;
  }
  if (option->check) option->check(L, label, target);
}
