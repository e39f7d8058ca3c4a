#ifndef SCRIPT_ARGS_H
#define SCRIPT_ARGS_H

// Arguments and option tables of the Lua API, checked: a misuse raises at the caller's line and
// says what was expected and what came. Runs in the worker's thread.

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Raises "<file:line of the Lua caller>: <message>". The level is found by walking up to the
// first Lua function that is not luaws's own.
int args_error(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

// "file:line" of that function, or of the one in which a coroutine waits; NULL: there is none. The
// caller frees it.
char *args_copy_place(lua_State *L);

// What came, for messages: "nil", "number 3.5", "string 'abc...'", "table", "function",
// "WebSocketConnection". One line of valid UTF-8. Pushes the string and returns it.
const char *args_describe(lua_State *L, int index);

// Whether the value can be called: a function, or what has a metamethod for that, as spies have.
bool args_is_callable(lua_State *L, int index);

enum args_kind {
  ARGS_SECONDS, // number > 0. uint64_t, ms (at least 1); CONFIG_NONE when off
  ARGS_SIZE,    // integer > 0 (1e6 counts as one). uint64_t; CONFIG_NONE when off
  ARGS_COUNT,   // the same, for counts
  ARGS_STRING,  // char *, mem_dup'ed (the old one is freed); no NUL in it. NULL when off
  ARGS_STRINGS, // char **: NULL-terminated array of mem_dup'ed strings, in one owner's hands: freed
                // with mem_free_strings; a single string too. NULL when off
  ARGS_PORT,    // integer 0-65535. uint16_t
  ARGS_FLAG,    // true or false. bool
  ARGS_VALUE,   // anything, also `false`: left to `check`
};

// One option: its name, kind, where it goes in the struct, whether `false` is allowed ("off"), and
// what else must hold. `check` (may be NULL) sees the value at the top of the stack, after the
// struct has got it, and raises with args_error(L, "%s must ...", label): `label` is how messages
// call the option ("WebSocketServer.new: option 'path'"). It isn't called for nil, nor for "off".
struct args_option {
  const char *name;
  enum args_kind kind;
  size_t offset;
  bool may_be_off;
  void (*check)(lua_State *L, const char *label, void *target);
};

// Reads the option table at `index` (nil: nothing) into the struct `target` by `options` (ends
// with a NULL name), in their order. Values are read through metatables, names are checked raw. An
// unknown name raises: "WebSocketServer.new: unknown option 'dataTyp' (did you mean 'dataType'?)".
// `what` names the call: "WebSocketServer.new". The caller sees to freeing `target` also when this
// raises (its owner is a userdata with __gc).
void args_read_options(lua_State *L, int index, const struct args_option *options, void *target,
                       const char *what);

// The value at the top of the stack, for a `check`: raises unless it is an integer from `least` to
// `most`.
lua_Integer args_integer(lua_State *L, const char *label, lua_Integer least, lua_Integer most);

// The option name most like `name` (edit distance 2 at most, case aside), or NULL.
const char *args_nearest(const char *name, const struct args_option *options);

// A close code for terminate: 1000 or 3000-4999, integer; else raises.
unsigned args_close_code(lua_State *L, int index);

#endif
