#ifndef REACTOR_CLIENT_H
#define REACTOR_CLIENT_H

// One worker's WebSocket client as a reactor sees it: its limits, and how it dials. What it has
// opened is a connection like a server's. Loop thread.

#include "reactor/terms.h"

struct conn;
struct dial;
struct reactor;

struct client {
  struct terms terms; // of its connection. First: that one points to the whole
  struct client_config *config;
  struct dial *dial; // in state DIALING; NULL otherwise
};

static inline struct client *client_of_terms(struct terms *t) {
  return (struct client *)t;
}

// COMMAND_DIAL: makes its connection, tells EVENT_DIALED and dials. Takes the reference.
void client_new(struct reactor *r, struct client_config *config);

// Its connection has ended: frees it. A part of conn_detach.
void client_leave(struct terms *terms);

// COMMAND_STOP: closes all of them with 1001, gives up those that are dialing.
void client_stop_all(struct reactor *r);

#endif
