#ifndef SCRIPT_JSON_H
#define SCRIPT_JSON_H

// JSON straight between its text and the Lua stack, by RFC 8259 and nothing else. Needs only a
// lua_State; runs in its thread.

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

#define JSON_DEPTH_MAX 128

// Parses one JSON text (blanks around it allowed). Returns 1 with the value pushed; 0 with a
// message pushed instead: "line 3, column 7: expected ':' after a key, got '}'" (a column is a
// character). Integers that fit 64 bits become integers, other numbers floats (out of range:
// error). Arrays get luaws.array's metatable; null is luaws.null. Duplicate keys: the last one
// counts. Invalid UTF-8, lone surrogates, depth over JSON_DEPTH_MAX: errors. Bounded C stack.
int json_decode(lua_State *L, const char *text, size_t length);

// Appends the JSON text of the value at `index` to `out`. Returns 0; on failure a message is
// pushed (what and where: "at .list[3].name: a function is no JSON"), what has been appended is
// taken back, and the return is ERR_INVALID, or ERR_TOO_BIG when out's ceiling is passed. Table
// rules: api reference, "JSON". Raw access only: no metamethod is called (so encoding neither waits
// nor raises).
int json_encode(lua_State *L, int index, struct buf *out);

// Registers luaws.json = { encode, decode } into the table at the top of the stack, and
// luaws.null, luaws.array, luaws.blob, with their metatables. Once a state, before anything else
// here.
void json_open(lua_State *L);

// Pushes luaws.null.
void json_push_null(lua_State *L);

// Gives the table at the top of the stack luaws.array's metatable; whether the value at `index` has
// it.
void json_mark_array(lua_State *L);
bool json_is_array(lua_State *L, int index);

// Makes a blob of the string at `index` and pushes it.
void json_push_blob(lua_State *L, int index);

// What a blob holds, or NULL when the value at `index` isn't one. Good as long as the blob is.
const char *json_to_blob(lua_State *L, int index, size_t *length);

#endif
