#ifndef REACTOR_CONN_OUT_H
#define REACTOR_CONN_OUT_H

// What a connection sends: this turn's pieces, and its outbox. Any of it may find the socket dead,
// or the peer too slow, and end the connection. Loop thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct reactor;
struct record;

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

// Sends what waits in the outbox, as far as the kernel takes it.
void conn_out_drain(struct conn *c);

#endif
