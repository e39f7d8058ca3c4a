#ifndef SCRIPT_WIRED_H
#define SCRIPT_WIRED_H

// Connections without a network: a reactor of the worker's own, which the worker runs in its turns,
// peers that a test plays (peer.h), and a clock that stands still until it is advanced. All that
// such connections start goes by that clock: it has the scope SCOPE_WIRED. Lua thread.
//
// A test changes something, then waits until all is at rest: until nothing of what is ready, has
// come or is due at this very moment is left, on either side. So what it finds doesn't depend on
// time.

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/duplex.h"
#include "base/err.h"
#include "script/runtime.h"

struct task;
struct wired; // private
struct ws_codec;

// The runtime's, made when there is none. NULL: *err says why.
struct wired *wired_open(struct runtime *rt, struct err *err);
void wired_free(struct wired *w); // NULL is fine; the Lua state is closed

// ms; 0 when it was opened.
uint64_t wired_now(const struct wired *w);
void wired_start_deadline(struct wired *w, struct deadline *d, uint64_t due);

// A connection to the running web server of that id, as struct worker_wired says.
bool wired_connect(struct wired *w, uint64_t web, struct duplex *d,
                   const struct duplex_client *client);

// Where peers are noted that shall be looked at in each turn.
struct list *wired_peers(struct wired *w);

// The peers': there is only one thread.
struct ws_codec *wired_codec(struct wired *w);

// Lets the reactor come to rest. Calls no script: whenever commands have been handed over.
void wired_settle(struct wired *w);

// At the end of each turn of the runtime. Runs what is due, moves the clock when all is at rest and
// somebody waits for a later time, and wakes those who wait when there is nothing more to do.
void wired_turn(struct wired *w);

// Whether there is more to do at once.
bool wired_is_restless(const struct wired *w);

// The running task is going to wait until all is at rest, `ms` from now. It must yield then;
// afterwards task_was_served tells whether that has come about.
void wired_await_rest(struct wired *w, struct task *t, uint64_t ms);

// The same, but only until what is due next, if something of the script's comes within `ms`.
void wired_await_next(struct wired *w, struct task *t, uint64_t ms);

#endif
