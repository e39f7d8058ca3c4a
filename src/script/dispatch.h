#ifndef SCRIPT_DISPATCH_H
#define SCRIPT_DISPATCH_H

// Events to those who deal with them. It knows nothing of the thread that calls it; only from the
// top of the loop.

#include "mailbox/mailbox.h"
#include "script/runtime.h"

// Everything in one block, in order; between two events what has become ready meanwhile.
void dispatch_block(struct runtime *rt, struct block *block);

#endif
