#ifndef REACTOR_CONN_CLOSE_H
#define REACTOR_CONN_CLOSE_H

// A WebSocket's closing handshake, whoever begins it: the peer, the script, a server that closes,
// or a fault. Loop thread.
//
// What the handler answers to the messages that came before the peer's close frame, or before its
// mistake, goes out before our close frame: RFC 6455 section 5.5.1 allows that delay. The
// connection is parting meanwhile, but only while its worker works: one that says nothing for a
// moment is stuck, and isn't waited for.

#include <stdint.h>
#include "base/span.h"

struct conn;

// Begins the handshake (state OPEN); `due`: when it is over at the latest (ms). In state CLOSING it
// can only shorten that.
void conn_close_start(struct conn *c, unsigned code, struct span reason, uint64_t due);

// The peer's close frame has come: begins the handshake, or ends it.
void conn_close_answer(struct conn *c, unsigned code, struct span reason);

// The peer has broken the protocol or a limit, or the session can't go on with it: the worker is
// told `cause`, the close frame goes out, then FIN.
void conn_close_fail(struct conn *c, unsigned code, const char *cause);

// COMMAND_FINISH: the worker has said all that goes out before the close frame.
void conn_close_finish(struct conn *c);

// Fails a slow consumer (state OPEN): what waits for it is dropped; then a close frame, if the
// socket takes it, and FIN. The worker must know why.
void conn_close_cut(struct conn *c, unsigned code, struct span reason);

// In state CLOSING: the outbox is empty.
void conn_close_drained(struct conn *c);

// In state CLOSING: the deadline is over.
void conn_close_timeout(struct conn *c);

#endif
