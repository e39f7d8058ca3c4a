#ifndef SCRIPT_LINK_OPTIONS_H
#define SCRIPT_LINK_OPTIONS_H

// The options that WebSocketServer.new and WebSocket.new have in common. Lua thread.

#include <lua.h>
#include "mailbox/config.h"

// Entries of a struct args_option array; the configuration `type` has a struct link_config as its
// member `link`. (`compression` is read into that by a check of the caller's.)
// clang-format off
#define LINK_OPTIONS(type)                                                                         \
  {"maxPayload", ARGS_SIZE, offsetof(type, link.max_payload), true, link_options_check_payload},   \
  {"maxFragments", ARGS_COUNT, offsetof(type, link.max_fragments), true, NULL},                    \
  {"pingInterval", ARGS_SECONDS, offsetof(type, link.ping_interval), true, NULL},                  \
  {"pongTimeout", ARGS_SECONDS, offsetof(type, link.pong_timeout), true, NULL},                    \
  {"closeTimeout", ARGS_SECONDS, offsetof(type, link.close_timeout), true, NULL},                  \
  {"maxBackpressure", ARGS_SIZE, offsetof(type, link.max_backpressure), true, NULL}
// clang-format on

// What they are when nothing else is said.
void link_options_set_defaults(struct link_config *c);

// After they have been read: `false` means the largest payload that there can be.
void link_options_settle(struct link_config *c);

void link_options_check_payload(lua_State *L, const char *label, void *target);

// For the option `protocols`: the array of strings that has been read.
void link_options_check_protocols(lua_State *L, const char *label, char *const *protocols);

#endif
