// The reactor's functions, for workers.

#include "wired.h"

#include "reactor/reactor.h"

const struct worker_wired WIRED = {
    .open = reactor_new_wired,
    .free = reactor_free,
    .mailbox = reactor_mailbox,
    .connect = reactor_connect,
    .settle = reactor_settle,
    .move = reactor_move,
    .wait = reactor_wait,
};
