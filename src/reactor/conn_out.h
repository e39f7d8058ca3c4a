#ifndef REACTOR_CONN_OUT_H
#define REACTOR_CONN_OUT_H

// What a connection sends: this turn's pieces, and its outbox. Any of it may find the socket dead,
// or the peer too slow, and end the connection. Loop thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct conn;
struct piece;
struct reactor;
struct record;

// What masks the next frame of this connection: 4 bytes, good until the next call; NULL: none does,
// it is a server's.
const uint8_t *conn_out_mask(struct conn *c);

// Writes bytes, or keeps what the kernel doesn't take. `counted`: see outbox_push.
void conn_out_write(struct conn *c, const void *data, size_t size, bool counted);

// The same, uncounted, for bytes behind which conn_end lingers at once: they go out with the FIN.
void conn_out_write_last(struct conn *c, const void *data, size_t size);

// Adds bytes that lie in a block of commands; conn_out_flush_all sends them, in one call for all of
// this turn's. `fanout`: the record whose frame they are, for many, or NULL. What a broadcast or
// a publish has brought the worker doesn't count: the reactor refuses it when too much waits.
void conn_out_queue(struct conn *c, const unsigned char *data, uint32_t length,
                    struct record *fanout);

// Sends what this turn has queued, for one connection or for all.
void conn_out_flush(struct conn *c);
void conn_out_flush_all(struct reactor *r);

// A part of conn_out_flush: sends the pieces (piece.h) from `at` on, and keeps what the kernel
// doesn't take. What is this connection's alone, or counted by the worker, is kept in any case.
void conn_out_send(struct conn *c, uint32_t at);

// Whether a message that the worker hasn't counted may wait. If not, it has been dropped, or the
// connection has ended. *asked: whether the kernel has been asked already, in this flush.
bool conn_out_admit(struct conn *c, const struct piece *piece, bool *asked);

// The worker's bufferedAmount goes down by `n`, or up when it is negative.
void conn_out_count(struct conn *c, ssize_t n);

// Sends what waits in the outbox, as far as the kernel takes it.
void conn_out_drain(struct conn *c);

#endif
