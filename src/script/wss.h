#ifndef SCRIPT_WSS_H
#define SCRIPT_WSS_H

// A WebSocketServer as its worker sees it: the userdata behind the Lua object. Lua thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "http/pattern.h"
#include "mailbox/config.h"
#include "script/object.h"
#include "script/runtime.h"

struct task;
struct webserver;

enum wss_state {
  WSS_OPEN,
  WSS_CLOSING,    // terminated; its connections end
  WSS_TERMINATED, // from its onTerminate on
};

// User values of the userdata.
enum { WSS_HANDLER = 1, WSS_CONNECTIONS, WSS_WEB, WSS_NEXT, WSS_USER_VALUES = WSS_NEXT };

struct wss {
  struct object object;
  struct list node; // on runtime.wsses
  struct server_config *config;
  struct server_group *group; // shared with the other workers' that run the script
  struct http_pattern *pattern;
  struct webserver *web;
  struct list connections; // struct connection, in the order in which they came
  uint64_t count;          // the listed ones among them; group->listed counts all workers'
  struct task *opening;    // onOpen, until it is run
  unsigned closed;         // reactors that have told EVENT_SERVER_CLOSED
  int ref;                 // keeps the userdata alive
  unsigned scope;          // see task.h
  char *place;             // where it was started (trial.h), or NULL
  // What it goes on with when the script has been reloaded (wss_reload.h); else NULL. The handler
  // is the user value WSS_NEXT.
  struct server_config *next;
  struct http_pattern *next_pattern;
  uint8_t next_data;
  uint8_t data;        // enum datatype
  uint8_t state;       // enum wss_state
  bool is_unannounced; // the log is told when the reload that has made it is committed
};

extern const struct object_class WSS_CLASS;

// What others have to know of it: "path '/chat'" or "every path".
const char *wss_push_name(lua_State *L, const struct wss *wss);

// Takes the configuration into the place of the one that it has, of the same path and web server,
// here and in the reactors. Blocks until they have answered.
void wss_change_config(struct runtime *rt, struct wss *wss, struct server_config *config);

// Tells people where it is.
void wss_announce(lua_State *L, struct wss *wss);

// Forgets a server that nobody has seen yet: no callback is called.
void wss_drop(struct runtime *rt, struct wss *wss);

// WebSocketServer.new
int wss_new(lua_State *L);

static inline void wss_push(lua_State *L, const struct wss *wss) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, wss->ref);
}

// The running one of that id, or NULL.
struct wss *wss_find(const struct runtime *rt, uint64_t id);

// trial_add for those of a scope, to the array on top of L; and ends them at once.
void wss_list(struct runtime *rt, unsigned scope, lua_State *L);
void wss_end_scope(struct runtime *rt, unsigned scope);

// Calls its onOpen unless that has been done.
void wss_open_now(struct runtime *rt, struct wss *wss);

// Closes it, for all workers; `timeout` as in struct command_close_server.
void wss_terminate(struct runtime *rt, struct wss *wss, uint64_t timeout);

// The same for this worker alone, if others go on with it.
void wss_leave(struct runtime *rt, struct wss *wss);

// Membership has changed: the next look at `connections` makes a new array.
void wss_change(struct runtime *rt, struct wss *wss);

// EVENT_SERVER_CLOSING, or its web server was stopped: nothing is sent any more.
void wss_note_closing(struct wss *wss);

// EVENT_SERVER_CLOSED.
void wss_on_closed(struct runtime *rt, struct wss *wss);

// Calls onTerminate when its last connection has.
void wss_end_if_over(struct runtime *rt, struct wss *wss);

// Tells its handler of the error event on top of rt->L, and pops that.
void wss_tell_error(struct runtime *rt, struct wss *wss);

// The same for a struct err.
void wss_tell(struct runtime *rt, struct wss *wss, const struct err *e, enum log_level level);

#endif
