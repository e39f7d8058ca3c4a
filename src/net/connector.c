// Connecting. Loop thread.
//
// Nothing is decided before the loop runs, so that on_done never comes from within connector_new.

#include "net/connector.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/mem.h"

enum { STAGGER_MS = 250 }; // RFC 8305 section 8

enum attempt_state { ATTEMPT_WAITS, ATTEMPT_RUNS, ATTEMPT_FAILED };

struct attempt {
  struct connector *connector;
  struct address address;
  enum attempt_state state;
  int error; // FAILED: a negative errno
  int fd;    // RUNS
  uv_poll_t poll;
};

struct connector {
  uv_timer_t stagger; // starts the next attempt
  void (*on_done)(void *owner, int fd);
  void *owner;
  int handles; // of libuv's that are not closed
  int count;
  int started; // attempts[0..started-1] have been begun
  int running;
  struct attempt attempts[];
};

static void on_closed(uv_handle_t *handle) {
  struct connector *c = handle->data;
  if (--c->handles == 0) mem_free(c);
}

static void close_handle(uv_handle_t *handle, struct connector *c) {
  handle->data = c;
  uv_close(handle, on_closed);
}

// Families in turn, beginning with that of the first address; within each as they were.
static void interleave(struct connector *c, const struct address *list) {
  int at[2] = {0, 0}; // in `list`: of the first one's family, and of the others
  sa_family_t first = list[0].storage.ss_family;
  for (int i = 0; i < c->count; i++) {
    int turn = i % 2;
    for (int tries = 0; tries < 2; tries++, turn = 1 - turn) {
      while (at[turn] < c->count && (list[at[turn]].storage.ss_family != first) != turn)
        at[turn]++;
      if (at[turn] < c->count) break;
    }
    c->attempts[i].address = list[at[turn]++];
  }
}

// Attempts ----------------------------------------------------------------------------------------

// Releases the socket of one that runs.
static int stop(struct attempt *a, enum attempt_state state) {
  a->state = state;
  a->connector->running--;
  uv_poll_stop(&a->poll);
  close_handle((uv_handle_t *)&a->poll, a->connector);
  return a->fd;
}

static void fail(struct attempt *a, int error) {
  a->state = ATTEMPT_FAILED;
  a->error = error;
}

// A free port of this machine may have been given to the socket itself: then it talks to itself.
static bool is_own(int fd) {
  struct sockaddr_storage own = {0}, peer = {0};
  socklen_t own_size = sizeof own, peer_size = sizeof peer;
  return getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 &&
         getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 && own_size == peer_size &&
         memcmp(&own, &peer, own_size) == 0;
}

static int result_of(int fd, int status) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return -error;
  return status == 0 && is_own(fd) ? -ECONNREFUSED : status;
}

static void go_on(struct connector *c);

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct attempt *a = poll->data;
  struct connector *c = a->connector;
  int result = result_of(a->fd, status);
  int fd = stop(a, ATTEMPT_FAILED);
  if (result == 0) {
    uv_timer_stop(&c->stagger);
    c->on_done(c->owner, fd);
    return;
  }
  close(fd);
  a->error = result;
  go_on(c);
}

static int open_socket(const struct address *to) {
  int on = 1;
  int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int result = connect(fd, (const struct sockaddr *)&to->storage, to->size);
  if (result == 0 || errno == EINPROGRESS) return fd;
  result = -errno;
  close(fd);
  return result;
}

// One that is connected at once is writable in the next turn.
static void start(struct attempt *a, uv_loop_t *loop) {
  struct connector *c = a->connector;
  int fd = open_socket(&a->address);
  if (fd < 0) {
    fail(a, fd);
    return;
  }
  int status = uv_poll_init(loop, &a->poll, fd);
  if (status < 0) {
    close(fd);
    fail(a, status);
    return;
  }
  a->state = ATTEMPT_RUNS;
  a->fd = fd;
  a->poll.data = a;
  c->handles++;
  c->running++;
  uv_poll_start(&a->poll, UV_WRITABLE, on_poll);
}

static void on_stagger(uv_timer_t *timer) {
  go_on(timer->data);
}

// Begins the next attempt, and sets the clock for the one after it.
static void go_on(struct connector *c) {
  uv_timer_stop(&c->stagger);
  while (c->started < c->count) {
    struct attempt *a = &c->attempts[c->started++];
    start(a, c->stagger.loop);
    if (a->state == ATTEMPT_RUNS) break;
  }
  if (c->started < c->count)
    uv_timer_start(&c->stagger, on_stagger, STAGGER_MS, 0);
  else if (c->running == 0)
    c->on_done(c->owner, -1);
}

struct connector *connector_new(uv_loop_t *loop, const struct address *list, int count,
                                void (*on_done)(void *owner, int fd), void *owner) {
  struct connector *c = mem_zalloc(sizeof *c + (size_t)count * sizeof c->attempts[0]);
  c->on_done = on_done;
  c->owner = owner;
  c->count = count;
  interleave(c, list);
  for (int i = 0; i < count; i++)
    c->attempts[i].connector = c;
  uv_timer_init(loop, &c->stagger);
  c->stagger.data = c;
  c->handles = 1;
  uv_timer_start(&c->stagger, on_stagger, 0, 0);
  return c;
}

void connector_free(struct connector *c) {
  for (int i = 0; i < c->started; i++) {
    if (c->attempts[i].state == ATTEMPT_RUNS) close(stop(&c->attempts[i], ATTEMPT_FAILED));
  }
  close_handle((uv_handle_t *)&c->stagger, c);
}

// Words -------------------------------------------------------------------------------------------

// What is to be said of an attempt: 0 if nothing.
static int outcome(const struct attempt *a) {
  switch (a->state) {
  case ATTEMPT_FAILED: return a->error;
  case ATTEMPT_RUNS: return UV_ETIMEDOUT;
  case ATTEMPT_WAITS: break;
  }
  return 0;
}

static bool is_told(const struct connector *c, int index) {
  for (int i = 0; i < index; i++) {
    if (outcome(&c->attempts[i]) == outcome(&c->attempts[index])) return true;
  }
  return false;
}

static void append_addresses(const struct connector *c, int index, struct buf *out) {
  const char *separator = " (";
  for (int i = index; i < c->count; i++) {
    char text[ADDRESS_TEXT_MAX];
    uint16_t port;
    if (outcome(&c->attempts[i]) != outcome(&c->attempts[index])) continue;
    address_text(&c->attempts[i].address, text, &port);
    buf_printf(out, "%s%s", separator, text);
    separator = ", ";
  }
  buf_append_str(out, ")");
}

// The only address of a host that is one is not said twice.
static bool is_plain(const struct connector *c, const char *to) {
  char text[ADDRESS_TEXT_MAX];
  uint16_t port;
  address_text(&c->attempts[0].address, text, &port);
  return c->count == 1 && strstr(to, text);
}

static const char *words_of(int error) {
  return error == UV_ETIMEDOUT ? "no answer" : uv_strerror(error);
}

void connector_explain(const struct connector *c, const char *to, struct err *err) {
  struct buf out;
  int code = 0;
  buf_init(&out, 4096);
  for (int i = 0; i < c->count; i++) {
    int error = outcome(&c->attempts[i]);
    if (error == 0 || is_told(c, i)) continue;
    if (code == 0 || code == UV_ETIMEDOUT) code = error;
    buf_printf(&out, "%s%s", out.len > 0 ? "; " : "", words_of(error));
    if (!is_plain(c, to)) append_addresses(c, i, &out);
  }
  if (code == 0) { // it has not begun
    code = UV_ETIMEDOUT;
    buf_append_str(&out, words_of(code));
  }
  err_set(err, ERR_UV__, code, "can't connect to %s: %.*s", to, (int)out.len, out.data);
  buf_deinit(&out);
}
