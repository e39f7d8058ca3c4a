#ifndef SCRIPT_EXCERPT_H
#define SCRIPT_EXCERPT_H

// The three lines of a source file around the one that an error is about, for people:
//
//     11 | function Chat:onMessage(ws, event)
//   > 12 |   self.count = self.count + 1
//     13 | end
//
// Any thread, but for the function that takes a Lua state.

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define EXCERPT_MAX 2048 // bytes; long lines are cut so that three of them always fit

// Writes them, NUL-terminated, without a line break behind the last. Control characters and what
// isn't UTF-8 are replaced. The file is read anew: what it holds by now is shown. False, and "",
// when that has no such line, is no regular file, or can't be read.
bool excerpt_of_file(char excerpt[EXCERPT_MAX], const char *path, int line);

// The same of a text.
bool excerpt_of_text(char excerpt[EXCERPT_MAX], const char *source, size_t length, int line);

// Makes `require "luaws.excerpt"` work: a function(file, line) -> text or nil.
void excerpt_preload(lua_State *L);

#endif
