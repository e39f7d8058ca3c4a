// Listening. Loop thread.

#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"

enum {
  CANDIDATES_MAX = 16,
  BACKLOG = 4096,
  ACCEPTS_PER_TURN = 64, // then the other sockets get their turn
  RETRY_MS = 100,
  COMPLAIN_MS = 60000,
};

static void on_poll(uv_poll_t *poll, int status, int events);

static bool is_alive(const struct address *a) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  bool alive = connect(fd, (const struct sockaddr *)&a->storage, a->size) == 0 || errno == EAGAIN;
  close(fd);
  return alive;
}

// A socket file that a dead process left behind is in the way of a new one.
static void remove_stale_socket(const struct address *a) {
  const char *path = ((const struct sockaddr_un *)&a->storage)->sun_path;
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && !is_alive(a)) unlink(path);
}

static int switch_on(int fd, int level, int option) {
  int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on);
}

// SO_REUSEPORT would let several processes share a port by mistake. So the first socket is bound
// without it, which fails where anybody listens, and only then opened to others.
static int bind_to(int fd, const struct address *a, enum listener_share share) {
  if (a->storage.ss_family == AF_UNIX)
    remove_stale_socket(a);
  else
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (share == LISTENER_NEXT && switch_on(fd, SOL_SOCKET, SO_REUSEPORT) != 0) return -1;
  if (bind(fd, (const struct sockaddr *)&a->storage, a->size) != 0) return -1;
  if (share == LISTENER_FIRST && switch_on(fd, SOL_SOCKET, SO_REUSEPORT) != 0) return -1;
  // What is accepted inherits it: a call less for each connection.
  if (a->storage.ss_family != AF_UNIX) switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
  return 0;
}

// A bound, listening socket, or a negative errno.
static int listen_on(const struct address *a, enum listener_share share) {
  int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (bind_to(fd, a, share) == 0 && listen(fd, BACKLOG) == 0) return fd;
  int result = -errno;
  close(fd);
  return result;
}

static void explain(struct err *err, int result, const char *host, uint16_t port) {
  const char *path = address_unix_path(host);
  if (result == -EADDRINUSE && path) {
    err_set(err, ERR_UV__, result, "%s is in use by another server", path);
  } else if (result == -EADDRINUSE) {
    err_set(err, ERR_UV__, result, "port %u is in use (try --port)", port);
  } else if (result == -EACCES && !path) {
    err_set(err, ERR_UV__, result, "no permission to listen on port %u (try one above 1023)", port);
  } else {
    err_set_errno(err, -result, "can't listen on %s", host);
  }
}

static int listen_on_any(const char *host, uint16_t port, enum listener_share share,
                         struct err *err) {
  struct address list[CANDIDATES_MAX];
  int count = address_resolve(host, port, list, CANDIDATES_MAX, err);
  if (count < 0) return count;
  int first = 0;
  for (int i = 0; i < count; i++) {
    int fd = listen_on(&list[i], share);
    if (fd >= 0) return fd;
    if (i == 0) first = fd;
  }
  explain(err, first, host, port);
  return first;
}

// Asks the socket where it listens and puts it into the loop. 0 or a negative errno.
static int watch(struct listener *l, uv_loop_t *loop, int fd) {
  char text[ADDRESS_TEXT_MAX];
  l->own.size = sizeof l->own.storage;
  if (getsockname(fd, (struct sockaddr *)&l->own.storage, &l->own.size) != 0) return -errno;
  address_text(&l->own, text, &l->port);
  return uv_poll_init(loop, &l->poll, fd);
}

int listener_open(struct listener *l, uv_loop_t *loop, const char *host, uint16_t port,
                  enum listener_share share, struct err *err) {
  int fd = listen_on_any(host, port, share, err);
  if (fd < 0) return fd;
  int status = watch(l, loop, fd);
  if (status < 0) {
    err_set_errno(err, -status, "can't listen on %s", host);
    close(fd);
    return status;
  }
  uv_timer_init(loop, &l->retry);
  const char *path = address_unix_path(host);
  l->unix_path = mem_dup_string(path);
  l->poll.data = l->retry.data = l;
  l->fd = fd;
  l->handles = 2;
  uv_poll_start(&l->poll, UV_READABLE, on_poll);
  return 0;
}

void listener_host(const struct listener *l, char text[LISTENER_HOST_MAX]) {
  int status = getnameinfo((const struct sockaddr *)&l->own.storage, l->own.size, text,
                           LISTENER_HOST_MAX, NULL, 0, NI_NUMERICHOST);
  assert(status == 0);
  (void)status;
}

static void on_handle_closed(uv_handle_t *handle) {
  struct listener *l = handle->data;
  if (--l->handles == 0) l->on_closed(l);
}

void listener_close(struct listener *l) {
  if (l->unix_path) unlink(l->unix_path);
  mem_free(l->unix_path);
  l->unix_path = NULL;
  uv_close((uv_handle_t *)&l->poll, on_handle_closed);
  uv_close((uv_handle_t *)&l->retry, on_handle_closed);
  close(l->fd);
  l->fd = -1;
}

static void on_retry(uv_timer_t *timer) {
  struct listener *l = timer->data;
  uv_poll_start(&l->poll, UV_READABLE, on_poll);
}

// Errors that concern the one client, which is already gone; some are its network's (accept(2)).
static bool is_clients(int error) {
  static const int THEIRS[] = {EINTR,       ECONNABORTED, EPROTO,       EPERM,
                               ENETDOWN,    ENOPROTOOPT,  EHOSTDOWN,    EOPNOTSUPP,
                               ENETUNREACH, ETIMEDOUT,    EHOSTUNREACH,
#ifdef ENONET
                               ENONET
#endif
  };
  for (size_t i = 0; i < sizeof THEIRS / sizeof THEIRS[0]; i++) {
    if (error == THEIRS[i]) return true;
  }
  return false;
}

// No descriptor or memory for another connection: those that wait stay in the kernel's queue.
static void pause_accepting(struct listener *l, int error) {
  if (log_is_due(l->complained, uv_now(l->poll.loop), COMPLAIN_MS)) {
    bool is_limit = error == EMFILE || error == ENFILE;
    char port[16];
    snprintf(port, sizeof port, "port %u", l->port);
    log_warn("can't accept connections at %s: %s; trying again%s",
             l->unix_path ? l->unix_path : port, strerror(error),
             is_limit ? " (raise the limit with ulimit -n)" : "");
  }
  uv_poll_stop(&l->poll);
  uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
}

static int accept_one(struct listener *l, struct address *peer) {
  peer->size = sizeof peer->storage;
  peer->storage.ss_family = AF_UNSPEC;
  return accept4(l->fd, (struct sockaddr *)&peer->storage, &peer->size,
                 SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct listener *l = poll->data;
  for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0; i++) {
    struct address peer;
    int fd = accept_one(l, &peer);
    if (fd >= 0) {
      l->on_accept(l, fd, &peer);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (!is_clients(errno)) {
      pause_accepting(l, errno);
      return;
    }
  }
}
