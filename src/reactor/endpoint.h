#ifndef REACTOR_ENDPOINT_H
#define REACTOR_ENDPOINT_H

// A path on a web server, and who answers there: the WebSocket servers of one group, one for each
// worker of a pool that has made it (mailbox/config.h). Loop thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/span.h"
#include "http/pattern.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/topics.h"

struct reactor;
struct server;
struct web;

struct endpoint {
  struct list node; // on web.endpoints
  struct web *web;
  struct http_pattern *pattern;
  struct server_group *group;
  struct list servers; // struct server, the one that was picked longest ago first. Never empty, but
                       // at the end
  struct topics topics; // of all its servers; the owners are their connections
  bool is_closing;      // answers nothing any more; goes with its last server
  bool is_held;         // endpoint_close is going through its servers
};

// COMMAND_SERVER_ADD: takes the references and fills the answer.
void endpoint_join(struct reactor *r, const struct command_server *command,
                   struct event_reply *answer);

// The one that answers a path (encoded, up to "?"); NULL: none.
struct endpoint *endpoint_route(const struct web *w, struct span path);

// Who gets the next connection: the server with the fewest; among equals they take turns.
struct server *endpoint_pick(struct endpoint *e);

// Starts to close: no new connections, 1001 to each open one. `timeout` as in struct
// command_close_server. `closer` knows already, or is NULL. May free it.
void endpoint_close(struct endpoint *e, const struct server *closer, uint64_t timeout);

// The same for this server alone, if others answer there. May free it, or both.
void endpoint_leave(struct endpoint *e, struct server *s, uint64_t timeout);

// To be called when a server has left it: frees a closing one without servers.
void endpoint_release(struct endpoint *e);

#endif
