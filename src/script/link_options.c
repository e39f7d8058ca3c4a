// Options of servers and clients alike. Runs in the Lua thread.

#include "script/link_options.h"

#include "http/token.h"
#include "script/args.h"
#include "script/compression.h"

enum { PAYLOAD_MAX = 1 << 30 }; // what maxPayload may be

void link_options_set_defaults(struct link_config *c) {
  c->max_payload = 1024 * 1024;
  c->max_fragments = 16384;
  c->max_message_rate = CONFIG_NONE;
  c->ping_interval = 20000;
  c->pong_timeout = 20000;
  c->close_timeout = 10000;
  c->max_backpressure = 1024 * 1024;
  c->compression = COMPRESSION_DEFAULT;
}

void link_options_settle(struct link_config *c) {
  if (c->max_payload > PAYLOAD_MAX) c->max_payload = PAYLOAD_MAX;
}

void link_options_check_payload(lua_State *L, const char *label, void *target) {
  (void)target;
  if (lua_tointeger(L, -1) > PAYLOAD_MAX)
    args_error(L, "%s must be at most %d", label, (int)PAYLOAD_MAX);
}

void link_options_check_protocols(lua_State *L, const char *label, char *const *protocols) {
  for (; *protocols; protocols++) {
    if (!http_token_is_valid(span_of(*protocols)))
      args_error(L, "%s: '%s' can't be the name of a subprotocol", label, *protocols);
  }
}
