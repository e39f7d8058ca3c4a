#ifndef SCRIPT_PEER_H
#define SCRIPT_PEER_H

// The other end of a wired connection: a client that a test plays. It speaks by the rules (its
// session is one in the client role), answers pings and close frames by itself unless it is silent,
// and keeps what has come for the test to look at. Lua thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/duplex.h"
#include "http/deflate.h"
#include "http/reply.h"
#include "script/object.h"
#include "script/runtime.h"
#include "ws/session.h"

enum peer_state {
  PEER_OPENING, // its request has no answer yet
  PEER_OPEN,
  PEER_CLOSED, // or refused
};

// User values: the WebSocketConnection; arrays of messages and of frames; the answer to its
// request; how the connection has ended.
enum {
  PEER_CONNECTION = 1,
  PEER_SENT,
  PEER_KINDS,
  PEER_FRAMES,
  PEER_ANSWER,
  PEER_END,
  PEER_USER_VALUES = PEER_END
};

struct peer {
  struct object object;
  struct list node; // on the runtime's list of them until both ends are closed
  int ref;          // keeps the userdata alive as long
  struct duplex *duplex;
  struct http_reply *reply;
  struct ws_session session; // while OPEN
  struct ws_limits limits;
  uint16_t close_code; // of the close frame that it has sent, 0: none
  uint8_t state;       // enum peer_state
  bool compresses;     // permessage-deflate is offered
  bool decodes;        // messages are kept as what their JSON stands for
  bool is_silent;
  bool has_connection;
};

extern const struct object_class PEER_CLASS;

// Pushes one whose request is `head`, to the web server of the id `web`. NULL: there is no such
// server, or the client's address is none.
struct peer *peer_new(lua_State *L, uint64_t web, const struct duplex_client *client,
                      struct span head);

// What it offers as Sec-WebSocket-Extensions where it compresses.
void peer_write_offer(char offer[HTTP_DEFLATE_OFFER_MAX]);

// Takes what has come, and answers. True when there was anything.
bool peer_look(struct runtime *rt, struct peer *p);

// A frame, or what pretends to be one; fin | rsv | opcode is the first byte.
void peer_send_frame(struct peer *p, uint8_t first, bool is_masked, struct span payload);

// A message, compressed if that was agreed on. False: it is not open.
bool peer_send(struct peer *p, enum ws_opcode opcode, struct span data);

// Its close frame; 1005: without a code. False: it is not open, or has sent one.
bool peer_close(struct peer *p, unsigned code, struct span reason);

// The connection is lost.
void peer_lose(lua_State *L, struct peer *p, int index);

// For PEER_CLASS.
void peer_deinit(struct peer *p);

#endif
