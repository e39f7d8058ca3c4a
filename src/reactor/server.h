#ifndef REACTOR_SERVER_H
#define REACTOR_SERVER_H

// One worker's WebSocket server as a reactor sees it: its limits and connections. Where it answers
// is its endpoint. Loop thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/span.h"
#include "mailbox/config.h"
#include "reactor/lane.h"
#include "reactor/terms.h"

struct conn;
struct endpoint;
struct reactor;

struct server {
  struct terms terms; // of its connections. First: theirs point to the whole
  struct list node;   // on endpoint.servers
  struct endpoint *endpoint;
  struct server_config *config;
  struct span *origins; // the config's, as spans
  size_t origin_count;
  struct list conns;  // struct conn.member: from the request's acceptance to its CLOSED
  uint64_t close_due; // ms: when what is left of a closing one is destroyed
  bool is_leaving;    // gets no more connections; goes with its last one
};

// Of a connection that has been accepted for one, or waits for that.
static inline struct server *server_of_terms(struct terms *t) {
  return (struct server *)t;
}

// Appends a new one to the endpoint, with a reference of its own to `config`.
struct server *server_new(struct endpoint *e, struct server_config *config);

struct server *server_find(const struct reactor *r, uint64_t id);

// Goes on with another configuration, to which it takes a reference; open connections follow.
void server_update(struct server *s, struct server_config *config);

// Why a request may not connect: an HTTP status, or 0. When 0, `c` belongs to the server (counted,
// on its list) until server_leave, which gives it back to the web server.
int server_enter(struct server *s, struct conn *c, const char *address);
void server_leave(struct server *s, struct conn *c);

// A part of endpoint_close: closes each connection.
void server_close(struct server *s, uint64_t timeout);

// The same: tells the worker that the last connection has gone, and frees it, if that is so.
void server_end_if_empty(struct server *s);

#endif
