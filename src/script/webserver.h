#ifndef SCRIPT_WEBSERVER_H
#define SCRIPT_WEBSERVER_H

// A WebServer as its worker sees it: the userdata behind the Lua object. Lua thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "mailbox/config.h"
#include "script/object.h"
#include "script/runtime.h"

// User values of the userdata.
enum { WEBSERVER_HANDLER = 1, WEBSERVER_NEXT, WEBSERVER_USER_VALUES = WEBSERVER_NEXT };

struct webserver {
  struct object object;
  struct list node;            // on runtime.webservers while it runs
  uint64_t id;                 // unique in the process, a new one for each start
  unsigned ordinal;            // 1, 2, ... in this worker
  struct web_config *settings; // as the script has set them
  struct web_config
      *draft; // settings being read (webserver_settings.h): owned here because reading may raise
  struct web_group *group; // while it runs: what it has in common with other workers'
  uint16_t port;           // the real one, while it runs
  bool is_running;
  bool is_wired;   // its connections have no network (script/wired.h)
  char *folder;    // where its relative paths start; NULL: the script's
  bool is_trial;   // of a script under test, whose TLS is by the command line's certificate
  bool is_placed;  // the script has set host or port
  bool is_guest;   // while it runs: another worker has started it, with settings of its own
  bool is_default; // luaws.webServer: the command line overrides its settings
  int ref;         // keeps the userdata alive while it runs
  unsigned scope;  // of the start (task.h)
  char *place;     // of the start (trial.h), or NULL
  unsigned wanted; // the latest generation of the script that has started or used it
  // What it goes on with when the script has been reloaded (webserver_reload.h), NULL: as it is.
  // The handler is the user value WEBSERVER_NEXT.
  struct web_config *next;
  bool stays_put;      // the new generation would have it listen elsewhere
  bool is_unannounced; // the log is told when the reload that has started it is committed
};

extern const struct object_class WEBSERVER_CLASS;

// Pushes a new one with default settings.
struct webserver *webserver_new(lua_State *L);

// Starts listening. `self` is at `index` of L. False with *err. Blocks until the reactors have
// answered.
bool webserver_start(lua_State *L, struct webserver *web, int index, struct err *err);

// On a running one: applies the settings. False with *err.
bool webserver_update(lua_State *L, struct webserver *web, int index, struct err *err);

// Terminates its WebSocket servers and stops listening, for all workers.
void webserver_stop(struct runtime *rt, struct webserver *web, uint64_t timeout);

// The same at the end of the program: where there is no network, at once.
void webserver_end(struct runtime *rt, struct webserver *web);

// For this worker alone, if others go on with it. Its WebSocket servers have been told to end.
void webserver_leave(struct runtime *rt, struct webserver *web, uint64_t timeout);

// Whose it is: the reactors from the first one up to before the last one. The first one decides
// what the others do.
static inline unsigned webserver_first(const struct runtime *rt, const struct webserver *web) {
  return web->is_wired ? rt->reactor_count : 0;
}

static inline unsigned webserver_last(const struct runtime *rt, const struct webserver *web) {
  return web->is_wired ? rt->reactor_count + 1 : rt->reactor_count;
}

// Host and port as they are in effect.
const char *webserver_host(const struct runtime *rt, const struct webserver *web);
uint16_t webserver_port(const struct runtime *rt, const struct webserver *web);

// The port that is asked for; may be 0.
uint16_t webserver_wanted_port(const struct runtime *rt, const struct webserver *web);

// Where relative paths in its settings start.
const char *webserver_folder(const struct runtime *rt, const struct webserver *web);

// The folder of static files in effect, absolute and mem_alloc'ed; NULL: none.
char *webserver_root(const struct runtime *rt, const struct webserver *web);

// Whether it speaks TLS, or will when it starts.
bool webserver_is_secure(const struct runtime *rt, const struct webserver *web);

// Whether the command line's certificate is the one that counts.
bool webserver_is_tls_given(const struct runtime *rt, const struct webserver *web);

// Reads the certificates again: those in use stay when that fails. The log says so. False with
// *err, also for one that doesn't run or has none.
bool webserver_reload_tls(lua_State *L, struct webserver *web, struct err *err);

// On a running one whose draft speaks TLS as its settings do: takes the draft's certificates into
// use. False with *err: those in use stay.
bool webserver_change_tls(lua_State *L, struct webserver *web, struct err *err);

// EVENT_HANGUP: reads all certificates again.
void webserver_on_hangup(struct runtime *rt, uint64_t number);

// Pushes "<scheme>://<host>:<port><path>" (http or ws: an s is added where it speaks TLS); a unix
// socket gives its host as it is.
const char *webserver_push_url(lua_State *L, const struct webserver *web, const char *scheme,
                               const char *path);

// Tells people that its pages are there.
void webserver_announce_open(lua_State *L, struct webserver *web);

// Says on stderr where something is served: "luaws: <verb> <what>".
void webserver_announce(const char *verb, const char *what);

// trial_add for those of a scope that run, to the array on top of L; and stops them at once.
void webserver_list(struct runtime *rt, unsigned scope, lua_State *L);
void webserver_end_scope(struct runtime *rt, unsigned scope);

// EVENT_WEB_STOPPED: another worker has stopped it.
void webserver_on_stopped(struct runtime *rt, uint64_t id);

// EVENT_REQUEST.
void webserver_on_request(struct runtime *rt, const struct record *record);

#endif
