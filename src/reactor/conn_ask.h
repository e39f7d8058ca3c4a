#ifndef REACTOR_CONN_ASK_H
#define REACTOR_CONN_ASK_H

// Asking a worker about a request. Loop thread.

#include <stdint.h>
#include "base/span.h"
#include "mailbox/event.h"

struct conn;
struct lane;

// Registers the connection and sends the worker a copy of its request: EVENT_CONNECT or
// EVENT_REQUEST. `server`: the id of the server, or the web server's member, that it is for;
// `protocol`: the subprotocol chosen, may be empty.
void conn_ask(struct conn *c, enum event_type type, struct lane *lane, uint64_t server,
              struct span protocol);

#endif
