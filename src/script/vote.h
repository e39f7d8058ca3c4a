#ifndef SCRIPT_VOTE_H
#define SCRIPT_VOTE_H

// One worker's part in a reload: all workers of a pool run the new code, or none does
// (mailbox/ballot.h). Lua thread.

#include "script/runtime.h"

// EVENT_RELOAD: comes to the round, or prepares the new code, votes, and does what all have agreed
// on. Only from the top of the loop. Waits for the other workers, which are at it at the same time.
void vote_on_reload(struct runtime *rt, uint64_t round);

// The runtime has begun to end: there will be no reload any more, for nobody.
void vote_stop(struct runtime *rt);

// The runtime has ended: the other workers go on without it.
void vote_leave(struct runtime *rt);

// A part of runtime_init.
void vote_init(struct runtime *rt);

#endif
