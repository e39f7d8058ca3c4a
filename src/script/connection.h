#ifndef SCRIPT_CONNECTION_H
#define SCRIPT_CONNECTION_H

// A server's connection as its worker sees it: the userdata behind a WebSocketConnection. It exists
// from EVENT_CONNECT; the script gets to see it from its onOpen on. Lua thread.

#include <string.h>
#include "script/link.h"

struct wss;

struct connection {
  struct link link;
  struct wss *wss;
  struct list node; // on wss.connections
  char *protocols;  // chosen one, and while CONNECTING the offered ones, each ended by a NUL;
                    // NULL: the client has offered none
  char info[];      // the peer's address, the path, each ended by a NUL
};

extern const struct link_kind CONNECTION_KIND;

#define CONNECTION_CLASS (&CONNECTION_KIND.class)

static inline struct connection *connection_of(const struct link *link) {
  return (struct connection *)link;
}

static inline const char *connection_address(const struct connection *c) {
  return c->info;
}

static inline const char *connection_path(const struct connection *c) {
  return c->info + strlen(c->info) + 1;
}

// The subprotocol: what the server's order has chosen, then what onConnection has; "": none.
static inline const char *connection_protocol(const struct connection *c) {
  return c->protocols ? c->protocols : "";
}

// The subprotocols that the client offers, as a list of the header's form. While CONNECTING.
static inline const char *connection_offered(const struct connection *c) {
  return c->protocols ? c->protocols + strlen(c->protocols) + 1 : "";
}

// EVENT_CONNECT.
void connection_on_connect(struct runtime *rt, const struct record *record);

// EVENT_ANSWER_LATE: answerTimeout is over; CLOSED follows.
void connection_on_late(struct runtime *rt, struct connection *c);

// For CONNECTION_KIND.
struct link_config *connection_config(const struct link *link);
void connection_end(struct runtime *rt, struct link *link, lua_State *L);
void connection_leave(struct runtime *rt, struct link *link);

#endif
