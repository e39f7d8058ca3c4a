#ifndef NET_TCP_H
#define NET_TCP_H

// A TCP or unix socket as a transport: recv and send of our own, which are faster and smaller than
// uv_tcp and let all connections share one read buffer. Loop thread.

#include "net/poller.h"
#include "net/transport.h"

struct tcp {
  struct transport transport;
  struct poll_item item;
};

// Opens a poller for sockets of this kind. 0, or libuv's error.
int tcp_poller_open(struct poller *p, uv_loop_t *loop);

// Takes over the connected, non-blocking socket `fd` and watches it for reading. 0, or libuv's
// error: then `fd` is closed.
int tcp_open(struct tcp *t, struct poller *p, int fd, const struct transport_user *user);

#endif
