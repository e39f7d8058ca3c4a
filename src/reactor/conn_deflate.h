#ifndef REACTOR_CONN_DEFLATE_H
#define REACTOR_CONN_DEFLATE_H

// The way out of a connection that has agreed on permessage-deflate: between the pieces that the
// worker's commands have brought and those that are sent. Loop thread.

#include <stdint.h>

struct conn;

// conn_out_flush for such a connection: compresses what is worth it in the pieces from `at` on, and
// sends.
void conn_deflate_flush(struct conn *c, uint32_t at);

#endif
