#ifndef REACTOR_SERVER_H
#define REACTOR_SERVER_H

// A WebSocket server as a reactor sees it: its path, limits and connections. Loop thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "base/span.h"
#include "http/pattern.h"
#include "mailbox/config.h"
#include "reactor/addresses.h"
#include "reactor/lane.h"
#include "reactor/topics.h"
#include "ws/session.h"

struct conn;
struct reactor;
struct web;

struct server {
  struct list node; // on web.servers
  struct web *web;
  struct server_config *config;
  struct http_pattern *pattern;
  struct lane *lane;
  struct ws_limits limits; // the sessions' part of the config
  struct span *origins;    // the config's, as spans
  size_t origin_count;
  struct list conns; // struct conn.member: from the request's acceptance to its CLOSED
  struct addresses addresses;
  struct topics topics; // the owners are its connections
  bool is_closing;      // answers nothing any more; goes with its last connection
  bool is_held;         // server_close is going through its connections
  uint64_t close_due;   // ms: when what is left of it is destroyed
};

// Takes the reference to `config`. 0; ERR_TAKEN or another negative with *err: nothing was added.
int server_add(struct reactor *r, struct server_config *config, struct err *err);

// Starts to close: no new connections, 1001 to each open one. `timeout` as in the command.
void server_close(struct server *s, uint64_t timeout);

struct server *server_find(const struct reactor *r, uint64_t id);

// The server that answers a path (encoded, up to "?"); NULL: none.
struct server *server_route(const struct web *w, struct span path);

// Why a request may not connect: an HTTP status, or 0. When 0, `c` belongs to the server (counted,
// on its list) until server_leave, which gives it back to the web server.
int server_enter(struct server *s, struct conn *c, const char *address);
void server_leave(struct server *s, struct conn *c);

#endif
