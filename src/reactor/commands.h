#ifndef REACTOR_COMMANDS_H
#define REACTOR_COMMANDS_H

// Carries out what workers (and main) ask for. Loop thread.

#include "mailbox/batch.h"

struct reactor;

// Everything in one block. What it queues is sent by conn_out_flush_all, before the block is given
// back.
void commands_run(struct reactor *r, struct block *block);

#endif
