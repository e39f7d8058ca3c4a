#ifndef SCRIPT_WEBSOCKET_H
#define SCRIPT_WEBSOCKET_H

// A client as its worker sees it: the userdata behind a WebSocket. It dials, is told what becomes
// of that, and dials again after the end if it shall; each attempt has a handle of its own. Lua
// thread.

#include <lua.h>
#include "base/buf.h"
#include "script/link.h"
#include "script/message.h"

// User values of the userdata.
enum {
  WEBSOCKET_URL = LINK_USER_VALUES + 1, // as passed
  WEBSOCKET_INBOX,                      // messages kept for receive, see websocket.c
  WEBSOCKET_USER_VALUES = WEBSOCKET_INBOX
};

// The option `reconnect`.
struct websocket_reconnect {
  bool on;
  uint64_t min, max; // ms between two attempts
  uint64_t attempts; // in a row that may fail; CONFIG_NONE: any number
  uint64_t queue;    // bytes of messages that are kept while it is not open
};

struct websocket {
  struct link link;
  struct list node;    // on runtime.clients until its end
  struct list dialing; // on runtime.dialing from COMMAND_DIAL to EVENT_DIALED
  unsigned scope;      // its callbacks' too
  char *place;         // where it was started, or NULL
  struct client_config *config;
  struct websocket_reconnect reconnect;
  char *shown_url; // for the log: without user info and query
  char *protocol;  // the subprotocol of the latest attempt, NULL: none

  struct deadline next; // when it dials again
  uint64_t delay;       // ms: the longest that the last wait could have been
  uint64_t attempt;     // since it was open: the number of the present one
  uint64_t serial;      // of all attempts: which messages credit may be given for
  bool is_full;         // it would dial, but too much of earlier attempts is still to be received
  bool is_final;        // the script has ended it: no further attempt
  bool is_over;         // the last attempt has ended, or none will come

  struct buf postponed; // messages for the next open
  uint64_t postponed_size;

  // What is kept for receive: entries first to last - 1 of the inbox.
  lua_Integer first, last;
  uint64_t kept;              // bytes
  lua_Integer promised;       // messages that a woken task is going to take
  struct list receivers;      // struct task.turn, in the order in which they came
  struct list openers;        // the same
  struct event_closed closed; // how the latest attempt has ended
  char *failure;              // why, NULL: by no error
};

extern const struct link_kind WEBSOCKET_KIND;

#define WEBSOCKET_CLASS (&WEBSOCKET_KIND.class)

static inline struct websocket *websocket_of(const struct link *link) {
  return (struct websocket *)link;
}

// A new one at the top of the stack, which does nothing yet.
struct websocket *websocket_new(lua_State *L);

// Its configuration is complete: dials. `self` is at `index`.
void websocket_start(lua_State *L, struct websocket *c, int index);

// EVENT_DIALED.
void websocket_on_dialed(struct runtime *rt, const struct record *record);

// Keeps a message for when it is open. False: there is no room for it, or it shall not be kept.
bool websocket_postpone(struct websocket *c, const struct message *m);

// Bytes that wait: for the peer, or for the next open.
uint64_t websocket_buffered(const struct websocket *c);

// Takes the oldest message off the inbox, which must not be empty, and gives credit for it; pushes
// its bytes and returns its flags (EVENT_BINARY). `self` is at index 1.
uint16_t websocket_take(lua_State *L, struct websocket *c);

// How many messages in the inbox nobody has been promised.
static inline lua_Integer websocket_count(const struct websocket *c) {
  return c->last - c->first - c->promised;
}

// Ends all of them with 1001, or those of a scope.
void websocket_end_all(struct runtime *rt);
void websocket_end_scope(struct runtime *rt, unsigned scope);

// trial_add for those of a scope, to the array on top of L.
void websocket_list(struct runtime *rt, unsigned scope, lua_State *L);

// Appends the open ones that are not of the scope to the array on top of L.
void websocket_push_others(struct runtime *rt, unsigned scope, lua_State *L);

// While a script is reloaded clients don't dial: dials those of the scope; or forgets them, no
// callback is called.
void websocket_dial_scope(struct runtime *rt, unsigned scope);
void websocket_drop_scope(struct runtime *rt, unsigned scope);

// Lets `map` replace the handler of each client of a scope: it is on top of L.
void websocket_map(struct runtime *rt, unsigned scope, lua_State *L, void (*map)(lua_State *L));

// Frees what it holds; for its finalizer.
void websocket_deinit(struct websocket *c);

// For WEBSOCKET_KIND.
struct link_config *websocket_config_of(const struct link *link);
unsigned websocket_scope(const struct link *link);
void websocket_quit(struct runtime *rt, struct link *link);
void websocket_open(struct runtime *rt, struct link *link, const struct record *record);
void websocket_keep(struct runtime *rt, struct link *link, const struct record *record);
bool websocket_fail(struct link *link, const struct err *e);
void websocket_lose(struct runtime *rt, struct link *link, const struct event_closed *closed);
void websocket_end(struct runtime *rt, struct link *link, lua_State *L);
void websocket_leave(struct runtime *rt, struct link *link);

#endif
