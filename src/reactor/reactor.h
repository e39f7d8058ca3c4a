#ifndef REACTOR_REACTOR_H
#define REACTOR_REACTOR_H

// An I/O loop: a uv_loop with its listeners and connections. It is told what to do through its
// mailbox (mailbox/command.h) and tells what happened through those of the workers
// (mailbox/event.h). Knows no Lua.

#include <stdbool.h>
#include <stdint.h>
#include "base/duplex.h"
#include "base/err.h"
#include "mailbox/ids.h"
#include "mailbox/mailbox.h"
#include "mailbox/stats.h"

struct reactor; // private

// `index`: 0-255, becomes part of its connections' handles. `count`: how many reactors there are.
// `ids`: the process's; must stay good until reactor_free. NULL: *err says why.
struct reactor *reactor_new(unsigned index, unsigned count, struct ids *ids, struct err *err);

// One without a network, a thread or a loop, for connections that are only memory (base/duplex.h):
// whoever runs it also moves its clock, which begins at 0. `index` becomes part of its handles; it
// is a first one, and the only one, of all that it is told.
struct reactor *reactor_new_wired(unsigned index, struct ids *ids, struct err *err);

// Where commands go; exists from reactor_new to reactor_free.
struct mailbox *reactor_mailbox(struct reactor *r);

// Its counters; as long.
const struct stats *reactor_stats(const struct reactor *r);

// Before the first turn: events for a worker that is asleep and lendable make the thread that runs
// this reactor its stand-in (mailbox_post).
void reactor_stand_in(struct reactor *r);

// One turn of its loop; waits for something to do unless `at_once`. Any thread, one at a time.
// False: it has been told to quit.
bool reactor_turn(struct reactor *r, bool at_once);

// Whether the last turn has made this thread a worker's stand-in. Tells so once.
bool reactor_has_adopted(struct reactor *r);

// The last turn, after the workers have ended: every socket is destroyed, nothing is told any more.
void reactor_end(struct reactor *r);

// Any thread: tells the reactor to quit.
void reactor_quit(struct reactor *r);

// Those without a network. The same thread, always: its worker's own.

// A connection to the web server with a member of the id `web`, one end of which is `d`. The
// client's strings are looked at during the call alone. False: there is none, or the address is
// none.
bool reactor_connect(struct reactor *r, uint64_t web, struct duplex *d,
                     const struct duplex_client *client);

// Carries out what there is to be done: commands, what the peers have changed. False: nothing was.
bool reactor_settle(struct reactor *r);

// Moves its clock to `now` (ms) and does what is due by then; reactor_settle follows. reactor_wait:
// after how many ms it is to be called at the latest; UINT64_MAX: never.
void reactor_move(struct reactor *r, uint64_t now);
uint64_t reactor_wait(const struct reactor *r);

// NULL is fine. False: the system is still looking a name up, which can't be interrupted, and will
// tell the loop. Its memory stays then, and the process can only be left by _exit, since libuv
// would wait for its threads at the end.
bool reactor_free(struct reactor *r);

#endif
