#ifndef SCRIPT_ANSWER_H
#define SCRIPT_ANSWER_H

// What onConnection and onRequest return, checked and brought into one form while their task still
// runs, so that rubbish is an error of that task. Lua thread.

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include "mailbox/batch.h"
#include "mailbox/command.h"

// Adds to the table at the top of the stack:
//
//   checkConnection(...) -> handler, protocol, lines     accepted; protocol may be ""
//                        -> nil, status, lines, body     refused
//   checkResponse(...)   -> nil                          left to luaws
//                        -> true, status, lines, body
//
// where lines are header lines as they stand in a head, each with CR LF.
void answer_open(lua_State *L);

// Pushes COMMAND_REFUSE or COMMAND_RESPOND with status, lines and body from `index` of L on.
void answer_push(struct batch *b, enum command_type type, uint64_t handle, lua_State *L, int index);

// The same with a one-line text of luaws's own.
void answer_push_status(struct batch *b, enum command_type type, uint64_t handle, int status);

// Pushes COMMAND_ACCEPT with protocol and lines from `index` of L on.
void answer_push_accept(struct batch *b, uint64_t handle, lua_State *L, int index);

#endif
