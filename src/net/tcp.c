// A socket as a transport. Loop thread.

#include "net/tcp.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/list.h"

static struct tcp *tcp_of(struct transport *t) {
  return LIST_ENTRY(t, struct tcp, transport);
}

static ssize_t result_of(ssize_t n) {
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TRANSPORT_AGAIN : -errno;
}

static ssize_t receive(struct transport *t, void *to, size_t size) {
  return result_of(recv(tcp_of(t)->fd, to, size, 0));
}

static ssize_t send_out(struct transport *t, const struct iovec *iov, int count) {
  int fd = tcp_of(t)->fd;
  if (count == 1) return result_of(send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL));
  struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
  return result_of(sendmsg(fd, &message, MSG_NOSIGNAL));
}

static void finish(struct transport *t) {
  shutdown(tcp_of(t)->fd, SHUT_WR);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct transport *transport, bool readable, bool writable) {
  struct tcp *t = tcp_of(transport);
  int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == t->watched) return;
  t->watched = events;
  if (events)
    uv_poll_start(&t->poll, events, on_poll);
  else
    uv_poll_stop(&t->poll);
}

// libuv stops polling a socket that has an error. There may still be something to be read before
// recv tells of it, so polling goes on.
static void on_poll(uv_poll_t *poll, int status, int events) {
  struct tcp *t = poll->data;
  bool failed = status < 0;
  if (failed) uv_poll_start(&t->poll, t->watched, on_poll);
  t->transport.on_ready(&t->transport, failed || (events & UV_READABLE), events & UV_WRITABLE);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct tcp *t = handle->data;
  t->transport.on_closed(&t->transport);
}

static void close_socket(struct transport *transport, bool reset) {
  struct tcp *t = tcp_of(transport);
  if (reset) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  }
  // libuv must forget the descriptor before its number can be used again.
  uv_close((uv_handle_t *)&t->poll, on_handle_closed);
  close(t->fd);
  t->fd = -1;
}

static const struct transport_ops OPS = {
    .recv = receive,
    .send = send_out,
    .finish = finish,
    .watch = watch,
    .close = close_socket,
};

int tcp_open(struct tcp *t, uv_loop_t *loop, int fd) {
  int status = uv_poll_init(loop, &t->poll, fd);
  if (status < 0) {
    close(fd);
    return status;
  }
  t->poll.data = t;
  t->transport.ops = &OPS;
  t->fd = fd;
  t->watched = 0;
  return 0;
}
