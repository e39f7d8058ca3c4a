#ifndef REACTOR_REACTOR_H
#define REACTOR_REACTOR_H

// An I/O thread: a uv_loop with its listeners and connections. It is told what to do through its
// mailbox (mailbox/command.h) and tells what happened through those of the workers
// (mailbox/event.h). Knows no Lua.

#include <stdint.h>
#include "base/err.h"
#include "mailbox/mailbox.h"

struct reactor; // private

// `index`: 0-255, becomes part of its connections' handles. `count`: how many reactors there are.
// NULL: *err says why.
struct reactor *reactor_new(unsigned index, unsigned count, struct err *err);

// Where commands go; exists from reactor_new to reactor_free.
struct mailbox *reactor_mailbox(struct reactor *r);

// Starts the thread. 0, or a negative errno.
int reactor_start(struct reactor *r);

// Ends the thread: every socket is destroyed, nothing is told any more. Call it when the workers
// have ended; waits for it. Only after a successful reactor_start.
void reactor_join(struct reactor *r);

void reactor_free(struct reactor *r);

#endif
