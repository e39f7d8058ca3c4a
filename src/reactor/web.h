#ifndef REACTOR_WEB_H
#define REACTOR_WEB_H

// A web server: a listener, static files, the paths of WebSocket servers on its port. Several
// workers of a pool may share it: each is a member (mailbox/config.h). Loop thread.

#include <stdbool.h>
#include "base/list.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "net/listener.h"
#include "net/tls_context.h"
#include "reactor/files.h"
#include "reactor/lane.h"

struct http_proxies;
struct reactor;

struct web_member {
  struct list node; // on web.members
  uint64_t id;
  struct lane *lane;
  bool has_handler;
};

struct web {
  struct list node; // on reactor.webs
  struct reactor *reactor;
  struct web_config *first;  // the first member's: which others may join
  struct web_config *config; // in effect: the first member's, or the newest update
  struct web_group *group;
  struct list members; // struct web_member, the one that was picked longest ago first
  struct listener listener;
  bool is_listening;       // the listener's handles are open. Never for a unix socket but on the
                           // first reactor
  bool is_stopped;         // no longer found by its id; freed with its last connection
  bool is_held;            // web_close_servers is going through its endpoints
  struct files_root root;  // .fd -1: none
  struct tls_context *tls; // of new connections; NULL: they speak plain HTTP
  struct http_proxies *proxies; // NULL: none is trusted
  struct list endpoints;        // struct endpoint, the most specific path first
  struct list conns;            // struct conn.member: those that no WebSocket server has
};

// COMMAND_WEB_START: listens, or joins those of its group who do. Takes the references and fills
// the answer.
void web_start(struct reactor *r, const struct command_web *command, struct event_reply *answer);

// Changes what can change live. Takes the reference. 0, or negative with *err: nothing changed.
int web_update(struct reactor *r, struct web_config *config, struct err *err);

// COMMAND_TLS_RELOAD: new connections get the certificates that the configuration names, as they
// are now; open ones keep theirs. Takes the references and fills the answer: when it is not ok,
// nothing has changed.
void web_reload_tls(struct reactor *r, const struct command_web *command,
                    struct event_reply *answer);

// Stops listening at once; web_stop must follow.
void web_unlisten(struct web *w);

// Stops listening at once and ends its plain HTTP connections when their response is out; tells
// the members but that of the id `stopper`. web_close_servers must follow.
void web_stop(struct web *w, uint64_t stopper);

// COMMAND_WEB_LEAVE. False for the last member of the first reactor, which stays: it no longer
// listens, and is to be stopped.
bool web_leave(struct web *w, uint64_t id);

// COMMAND_FORGET: lets go of that lane. May free it.
void web_forget(struct web *w, const struct lane *lane);

// Closes the WebSocket servers of a stopped one; `timeout` as in struct command_close_server. May
// free it.
void web_close_servers(struct web *w, uint64_t timeout);

// The running web server with a member of that id, or NULL.
struct web *web_find(const struct reactor *r, uint64_t id);

// Who is asked to answer a plain request: members with an onRequest take turns. NULL: there is
// none.
struct web_member *web_pick(struct web *w);

// To be called when something that kept it alive has gone: frees it if nothing does.
void web_release(struct web *w);

#endif
