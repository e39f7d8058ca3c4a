#ifndef REACTOR_CONN_REWRITE_H
#define REACTOR_CONN_REWRITE_H

// The way out of a connection whose frames aren't sent as the worker has made them, since it is a
// client's, which masks, or has agreed on permessage-deflate, or both: between the pieces that the
// worker's commands have brought and those that are sent. Loop thread.

#include <stdint.h>

struct conn;

// conn_out_flush for such a connection (conn.rewrites): compresses what is worth it in the pieces
// from `at` on, masks what has to be, and sends.
void conn_rewrite_flush(struct conn *c, uint32_t at);

#endif
