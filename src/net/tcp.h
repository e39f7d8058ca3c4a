#ifndef NET_TCP_H
#define NET_TCP_H

// A TCP or unix socket as a transport: uv_poll with recv and send of our own, which is faster and
// smaller than uv_tcp and lets all connections share one read buffer. Loop thread.

#include <uv.h>
#include "net/transport.h"

struct tcp {
  struct transport transport;
  uv_poll_t poll;
  int fd;
  int watched; // UV_READABLE | UV_WRITABLE now asked for
};

// Takes over the connected, non-blocking socket `fd`. 0, or libuv's error: then `fd` is closed.
int tcp_open(struct tcp *t, uv_loop_t *loop, int fd);

#endif
