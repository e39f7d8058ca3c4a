#ifndef REACTOR_CONN_WS_H
#define REACTOR_CONN_WS_H

// A connection's WebSocket part: session, flow control, keepalive. Loop thread.

#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "mailbox/config.h"
#include "reactor/conn.h"

struct http_deflate;

// The opening handshake is done: from now on the connection is a WebSocket (state OPEN), a server's
// or a client's as its terms say. `deflate`: what was agreed on; NULL: no compression. Bytes that
// have come behind the handshake are to be fed next.
void conn_ws_open(struct conn *c, const struct http_deflate *deflate);

// COMMAND_ACCEPT: writes the 101 and opens. `headers`: further header lines.
void conn_ws_accept(struct conn *c, struct span protocol, struct span headers);

// Bytes have come (state OPEN or CLOSING).
void conn_ws_feed(struct conn *c, const unsigned char *p, size_t n);

// Goes on with what has been held back, if anything.
void conn_ws_feed_held(struct conn *c);

// conn_resume, and goes on with what has been held back if nothing else stands against it.
void conn_ws_resume(struct conn *c, enum conn_pause why);

// How many bytes may be read at once, by the credit that is left.
size_t conn_ws_allowance(const struct conn *c);

// After a read: pauses the connection if it has used up its credit.
void conn_ws_throttle(struct conn *c);

// Frees what only a WebSocket has, beside its session: a part of conn_end.
void conn_ws_drop(struct conn *c);

// The worker has worked off messages of this cost.
void conn_ws_credit(struct conn *c, uint32_t cost);

// The outbox is empty.
void conn_ws_drained(struct conn *c);

// The deadline is over.
void conn_ws_timeout(struct conn *c);

// A message for many finds more waiting than maxBackpressure: it is dropped, or in state OPEN
// the connection fails, as slowConsumer says.
void conn_ws_refuse(struct conn *c);

// COMMAND_PING.
void conn_ws_ping(struct conn *c, struct span data);

// Something has been received after a ping of ours.
void conn_ws_answered(struct conn *c);

// Its server goes on with another configuration, which c->terms has already (state OPEN or
// CLOSING).
void conn_ws_change_terms(struct conn *c, const struct link_config *old);

// Starts the keepalive clock anew: after a pause of our own, the silence was not the peer's.
void conn_ws_restart_clock(struct conn *c);

#endif
