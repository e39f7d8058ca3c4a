#ifndef REACTOR_WEB_H
#define REACTOR_WEB_H

// A web server: a listener, static files, the WebSocket servers on its port. Loop thread.

#include <stdbool.h>
#include "base/list.h"
#include "mailbox/config.h"
#include "net/listener.h"
#include "reactor/files.h"
#include "reactor/lane.h"

struct reactor;
struct server;

struct web {
  struct list node; // on reactor.webs
  struct reactor *reactor;
  struct web_config *config;
  struct lane *lane; // to the worker that owns it
  struct listener listener;
  bool is_listening;      // the listener's handles are open. Never for a unix socket but on the
                          // first reactor
  bool is_stopped;        // no longer found by its id; freed with its last connection
  bool is_held;           // web_close_servers is going through its servers
  struct files_root root; // .fd -1: none
  struct list servers;    // struct server, the most specific path first
  struct list conns;      // struct conn.member: those that no WebSocket server has
};

// Starts listening. Takes the reference to `config`. 0 and *port, or negative with *err.
int web_start(struct reactor *r, struct web_config *config, uint16_t *port, struct err *err);

// Changes what can change live. Takes the reference. 0, or negative with *err: nothing changed.
int web_update(struct reactor *r, struct web_config *config, struct err *err);

// Stops listening at once and ends its plain HTTP connections when their response is out. Its
// WebSocket servers stay until they are closed; web_release must follow, now or with that.
void web_stop(struct web *w);

// Closes the WebSocket servers of a stopped one; `timeout` as in struct command_close_server. May
// free it.
void web_close_servers(struct web *w, uint64_t timeout);

// The running web server of that id, or NULL.
struct web *web_find(const struct reactor *r, uint64_t id);

// To be called when something that kept it alive has gone: frees it if nothing does.
void web_release(struct web *w);

#endif
