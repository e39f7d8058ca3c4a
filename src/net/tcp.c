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

// A read that has not filled the buffer has emptied the socket; only an end may be behind it.
static ssize_t receive(struct transport *transport, void *to, size_t size) {
  struct tcp *t = tcp_of(transport);
  ssize_t n;
  do { // an interrupted read must not cost the edge
    n = result_of(recv(t->item.fd, to, size, 0));
  } while (n == TRANSPORT_AGAIN && errno == EINTR);
  if (n > 0 && ((size_t)n == size || t->item.is_ending)) poller_read_on(&t->item);
  return n;
}

static ssize_t send_out(struct transport *t, const struct iovec *iov, int count, bool more) {
  int fd = tcp_of(t)->item.fd;
  int flags = MSG_NOSIGNAL;
#ifdef MSG_MORE
  if (more) flags |= MSG_MORE;
#else
  (void)more;
#endif
  if (count == 1) return result_of(send(fd, iov->iov_base, iov->iov_len, flags));
  struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
  return result_of(sendmsg(fd, &message, flags));
}

static void finish(struct transport *t) {
  shutdown(tcp_of(t)->item.fd, SHUT_WR);
}

static void watch(struct transport *t, bool readable, bool writable) {
  poller_want(&tcp_of(t)->item, readable, writable);
}

static void report(struct transport *t) {
  poller_report(&tcp_of(t)->item);
}

static bool may_toil(struct transport *t) {
  return poller_may_toil(tcp_of(t)->item.poller);
}

static void close_socket(struct transport *transport, bool reset) {
  struct tcp *t = tcp_of(transport);
  int fd = t->item.fd;
  if (reset) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  }
  // The poller must forget the descriptor before its number can be used again.
  poller_remove(&t->item);
  close(fd);
}

static const struct transport_ops OPS = {
    .recv = receive,
    .send = send_out,
    .finish = finish,
    .watch = watch,
    .report = report,
    .may_toil = may_toil,
    .close = close_socket,
};

static void on_ready(struct poll_item *item, bool readable, bool writable) {
  struct transport *t = &LIST_ENTRY(item, struct tcp, item)->transport;
  t->user->on_ready(t, readable, writable);
}

static void on_removed(struct poll_item *item) {
  struct transport *t = &LIST_ENTRY(item, struct tcp, item)->transport;
  t->user->on_closed(t);
}

int tcp_poller_open(struct poller *p, uv_loop_t *loop) {
  return poller_open(p, loop, on_ready, on_removed);
}

int tcp_open(struct tcp *t, struct poller *p, int fd, const struct transport_user *user) {
  t->transport = (struct transport){.ops = &OPS, .user = user};
  int status = poller_add(p, &t->item, fd);
  if (status < 0) close(fd);
  return status;
}
