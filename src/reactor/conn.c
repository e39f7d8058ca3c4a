// One socket's life: reading, writing, deadlines, the ending. What the bytes mean is conn_http's
// and conn_ws's business. Loop thread.

#include "reactor/conn.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/conn_http.h"
#include "reactor/conn_ws.h"
#include "reactor/loop.h"
#include "reactor/server.h"
#include "reactor/web.h"

enum {
  IOV_COUNT = 64,         // runs of bytes in one call
  GATHER_MEAN = 512,      // up to which mean size they are copied together
  HTTP_READ_SIZE = 16384, // as much as a request's head may have
  AHEAD = 3,              // connections fetched before they are sent to
  LINGER_MS = 5000,       // for the peer's FIN after a plain response
};

static void on_ready(struct transport *t, bool readable, bool writable);
static void on_closed(struct transport *t);

static const struct transport_user USER = {.on_ready = on_ready, .on_closed = on_closed};

static struct conn *conn_of(struct transport *t) {
  return LIST_ENTRY(t, struct conn, tcp.transport);
}

static bool is_http(const struct conn *c) {
  return c->state <= CONN_ANSWERING;
}

static bool is_websocket(const struct conn *c) {
  return c->state == CONN_OPEN || c->state == CONN_CLOSING;
}

void conn_watch(struct conn *c) {
  if (c->state == CONN_CLOSED) return;
  bool writable = !outbox_is_empty(&c->outbox) || c->state == CONN_SENDING;
  c->transport->ops->watch(c->transport, c->paused == 0, writable);
}

void conn_accept(struct web *w, int fd, const struct address *peer) {
  struct conn *c = mem_zalloc(sizeof *c);
  if (tcp_open(&c->tcp, &w->reactor->poller, fd, &USER) < 0) {
    mem_free(c);
    return;
  }
  // Fails for unix sockets, which have no such delay.
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->transport = &c->tcp.transport;
  c->reactor = w->reactor;
  c->web = w;
  c->state = CONN_REQUEST;
  list_push(&w->conns, &c->member);
  wheel_timer_init(&c->deadline);
  outbox_init(&c->outbox);
  c->exchange = exchange_new(w->config->max_body, peer);
  uint64_t now = reactor_now(c->reactor), timeout = w->config->handshake_timeout;
  conn_set_deadline(c, timeout == CONFIG_NONE ? UINT64_MAX : now + timeout);
  c->reactor->accepted++;
  conn_watch(c);
}

struct conn_extra *conn_need_extra(struct conn *c) {
  if (c->extra) return c->extra;
  c->extra = mem_zalloc(sizeof *c->extra);
  c->extra->conn = c;
  list_init(&c->extra->lane_node);
  return c->extra;
}

static void free_extra(struct conn *c) {
  if (!c->extra) return;
  mem_free(c->extra->close_reason);
  mem_free(c->extra);
}

static void leave_lane(struct conn *c) {
  if (c->extra) list_remove(&c->extra->lane_node);
}

void conn_set_deadline(struct conn *c, uint64_t due) {
  if (due == UINT64_MAX)
    wheel_stop(&c->deadline);
  else
    wheel_start(&c->reactor->wheel, &c->deadline, due);
}

void conn_pause(struct conn *c, enum conn_pause why) {
  c->paused |= (uint8_t)why;
  conn_watch(c);
}

void conn_resume(struct conn *c, enum conn_pause why) {
  if (!(c->paused & why)) return;
  c->paused &= (uint8_t)~why;
  if (why == CONN_PAUSE_LANE) leave_lane(c);
  if (c->paused == 0 && is_websocket(c)) conn_ws_restart_clock(c);
  conn_watch(c);
}

// Writing -----------------------------------------------------------------------------------------

// The worker's bufferedAmount goes down by `n`, or up when it is negative.
static void count_taken(struct conn *c, ssize_t n) {
  if (n == 0 || c->handle == 0) return;
  _Atomic uint64_t *taken = registry_taken(&c->reactor->registry, c->handle);
  // Only this thread writes it, so that no read-modify-write is needed.
  uint64_t before = atomic_load_explicit(taken, memory_order_relaxed);
  atomic_store_explicit(taken, before + (uint64_t)n, memory_order_relaxed);
}

static void on_outbox_empty(struct conn *c) {
  switch ((enum conn_state)c->state) {
  case CONN_SENDING: conn_http_drained(c); return;
  case CONN_OPEN:
  case CONN_CLOSING: conn_ws_drained(c); return;
  case CONN_LINGERING: c->transport->ops->finish(c->transport); return;
  case CONN_REQUEST:
  case CONN_HANDLING:
  case CONN_ANSWERING:
  case CONN_CLOSED: return;
  }
}

static void drain_outbox(struct conn *c) {
  while (!outbox_is_empty(&c->outbox)) {
    struct iovec iov[IOV_COUNT];
    int count = outbox_peek(&c->outbox, iov, IOV_COUNT);
    ssize_t n = c->transport->ops->send(c->transport, iov, count, false);
    if (n == TRANSPORT_AGAIN) return;
    if (n < 0) {
      conn_lost(c, (int)n);
      return;
    }
    count_taken(c, (ssize_t)outbox_consume(&c->outbox, (size_t)n));
  }
  on_outbox_empty(c);
}

static void write_bytes(struct conn *c, const void *data, size_t size, bool counted, bool more) {
  conn_flush(c);
  if (c->state >= CONN_LINGERING) return; // the flush has ended it
  size_t taken = 0;
  if (outbox_is_empty(&c->outbox)) {
    struct iovec iov = {(void *)data, size};
    ssize_t n = c->transport->ops->send(c->transport, &iov, 1, more);
    if (n < 0 && n != TRANSPORT_AGAIN) {
      conn_lost(c, (int)n);
      return;
    }
    taken = n > 0 ? (size_t)n : 0;
  }
  if (counted) count_taken(c, (ssize_t)taken);
  if (taken == size) return;
  outbox_push(&c->outbox, (const char *)data + taken, size - taken, counted);
  conn_watch(c);
}

void conn_write(struct conn *c, const void *data, size_t size, bool counted) {
  write_bytes(c, data, size, counted, false);
}

void conn_write_last(struct conn *c, const void *data, size_t size) {
  write_bytes(c, data, size, false, true);
}

static void note_dirty(struct reactor *r, struct conn *c) {
  if (r->dirty_count == r->dirty_capacity) {
    r->dirty_capacity = r->dirty_capacity ? r->dirty_capacity * 2 : 256;
    r->dirty = mem_realloc(r->dirty, r->dirty_capacity * sizeof *r->dirty);
  }
  r->dirty[r->dirty_count++] = c;
}

void conn_queue(struct conn *c, const unsigned char *data, uint32_t length, struct record *fanout) {
  struct reactor *r = c->reactor;
  if (r->piece_count >= r->piece_capacity) {
    r->piece_capacity = r->piece_capacity ? r->piece_capacity * 2 : 256;
    r->pieces = mem_realloc(r->pieces, r->piece_capacity * sizeof *r->pieces);
  }
  uint32_t index = (uint32_t)r->piece_count++;
  r->pieces[index] = (struct piece){.data = data, .length = length, .fanout = fanout};
  if (c->first_piece)
    r->pieces[c->last_piece].next = index;
  else {
    c->first_piece = index;
    note_dirty(r, c);
  }
  c->last_piece = index;
}

// Whether the worker has counted the piece when it sent it.
static bool is_counted(const struct piece *piece) {
  return !piece->fanout || piece->fanout->type == COMMAND_FANOUT;
}

// Keeps what the kernel did not take of a piece. A frame that many wait for is kept once.
static void keep_piece(struct conn *c, const struct piece *piece, size_t offset) {
  struct reactor *r = c->reactor;
  if (!piece->fanout) {
    outbox_push(&c->outbox, piece->data + offset, piece->length - offset, true);
    return;
  }
  if (!piece->fanout->scratch) {
    if (r->shared_count == r->shared_capacity) {
      r->shared_capacity = r->shared_capacity ? r->shared_capacity * 2 : 16;
      r->shared = mem_realloc(r->shared, r->shared_capacity * sizeof *r->shared);
    }
    piece->fanout->scratch = shared_new(piece->data, piece->length);
    r->shared[r->shared_count++] = piece->fanout->scratch;
  }
  outbox_push_shared(&c->outbox, piece->fanout->scratch, offset);
}

// Whether another message may wait. If not, it has been dropped, or the connection has ended. Only
// what the kernel doesn't take even now counts: it is asked once.
static bool admit(struct conn *c, bool *asked) {
  uint64_t limit = c->server->config->max_backpressure;
  if (outbox_bytes(&c->outbox) <= limit) return true;
  if (!*asked) drain_outbox(c);
  *asked = true;
  if (c->state >= CONN_LINGERING) return false;
  if (outbox_bytes(&c->outbox) <= limit) return true;
  conn_ws_refuse(c);
  return false;
}

// What counts has been admitted by the worker before it was sent; the rest is here, one by one.
static void keep_pieces(struct conn *c, uint32_t at, size_t offset) {
  const struct piece *pieces = c->reactor->pieces;
  bool asked = false;
  for (; at && c->state < CONN_LINGERING; at = pieces[at].next, offset = 0) {
    const struct piece *piece = &pieces[at];
    if (!is_counted(piece)) {
      if (!admit(c, &asked)) continue;
      count_taken(c, -(ssize_t)(piece->length - offset));
    }
    keep_piece(c, piece, offset);
  }
  if (c->state >= CONN_LINGERING) return;
  c->was_refused = true;
  conn_watch(c);
}

// Small runs are copied together: that costs less than to have the kernel go through them.
static int gather(struct reactor *r, struct iovec *iov, int count, size_t total) {
  if (count == 1 || total > REACTOR_GATHER_SIZE || total > (size_t)count * GATHER_MEAN)
    return count;
  unsigned char *at = r->gathered;
  for (int i = 0; i < count; i++) {
    memcpy(at, iov[i].iov_base, iov[i].iov_len);
    at += iov[i].iov_len;
  }
  iov[0] = (struct iovec){r->gathered, total};
  return 1;
}

// Sends the pieces from *at on. Leaves *at, *offset where the kernel stopped (0: all taken).
// Returns 0 or a negative errno.
static int send_pieces(struct conn *c, uint32_t *at, size_t *offset) {
  const struct piece *pieces = c->reactor->pieces;
  while (*at) {
    struct iovec iov[IOV_COUNT];
    int count = 0;
    size_t total = 0;
    for (uint32_t i = *at; i && count < IOV_COUNT; i = pieces[i].next) {
      iov[count++] = (struct iovec){(void *)pieces[i].data, pieces[i].length};
      total += pieces[i].length;
    }
    count = gather(c->reactor, iov, count, total);
    ssize_t n = c->transport->ops->send(c->transport, iov, count, false);
    if (n < 0) return n == TRANSPORT_AGAIN ? 0 : (int)n;
    size_t sent = (size_t)n, counted = 0;
    for (; *at && sent >= pieces[*at].length; *at = pieces[*at].next) {
      sent -= pieces[*at].length;
      if (is_counted(&pieces[*at])) counted += pieces[*at].length;
    }
    *offset = sent;
    if (*at && is_counted(&pieces[*at])) counted += sent;
    count_taken(c, (ssize_t)counted);
    if ((size_t)n < total) return 0;
  }
  return 0;
}

void conn_flush(struct conn *c) {
  uint32_t at = c->first_piece;
  if (at == 0) return;
  c->first_piece = 0;
  if (c->state == CONN_CLOSED) return;
  size_t offset = 0;
  if (outbox_is_empty(&c->outbox)) {
    int result = send_pieces(c, &at, &offset);
    if (result < 0) {
      conn_lost(c, result);
      return;
    }
  }
  if (at) keep_pieces(c, at, offset);
}

// Of thousands of connections none is in the processor's caches when its turn comes.
static void prefetch(const struct conn *c) {
#ifdef __GNUC__
  __builtin_prefetch(c);
  __builtin_prefetch((const char *)c + 64);
#else
  (void)c;
#endif
}

void conn_flush_dirty(struct reactor *r) {
  for (size_t i = 0; i < r->dirty_count; i++) {
    if (i + AHEAD < r->dirty_count) prefetch(r->dirty[i + AHEAD]);
    conn_flush(r->dirty[i]);
  }
  r->dirty_count = 0;
  r->piece_count = 1; // index 0 means none
  while (r->shared_count > 0)
    shared_unref(r->shared[--r->shared_count]);
}

// Reading -----------------------------------------------------------------------------------------

static size_t allowance(const struct conn *c) {
  size_t size = is_websocket(c) ? conn_ws_allowance(c) : HTTP_READ_SIZE;
  return size < REACTOR_READ_SIZE ? size : REACTOR_READ_SIZE;
}

static void on_eof(struct conn *c) {
  if (is_http(c)) {
    conn_http_eof(c);
  } else if (c->state == CONN_LINGERING && !outbox_is_empty(&c->outbox)) {
    conn_pause(c, CONN_PAUSE_HTTP); // what waits still goes out; the deadline stands
  } else {
    conn_lost(c, 0);
  }
}

static void read_socket(struct conn *c) {
  struct reactor *r = c->reactor;
  ssize_t n = c->transport->ops->recv(c->transport, r->read_buffer, allowance(c));
  if (n == TRANSPORT_AGAIN) return;
  if (n < 0) {
    conn_lost(c, (int)n);
    return;
  }
  if (n == 0) {
    on_eof(c);
    return;
  }
  c->received_at = (uint32_t)reactor_now(r);
  if (c->ping_sent && is_websocket(c)) conn_ws_answered(c);
  if (is_http(c)) {
    conn_http_feed(c, (const char *)r->read_buffer, (size_t)n);
  } else if (is_websocket(c)) {
    conn_ws_feed(c, r->read_buffer, (size_t)n);
  } // a lingering connection's bytes are nobody's any more
}

static void on_ready(struct transport *t, bool readable, bool writable) {
  struct conn *c = conn_of(t);
  if (writable) {
    drain_outbox(c);
    conn_watch(c);
  }
  if (readable && c->state != CONN_CLOSED) read_socket(c);
}

// Ending ------------------------------------------------------------------------------------------

static void tell_closed(struct conn *c) {
  struct record *r =
      batch_push(&c->server->lane->batch, EVENT_CLOSED, c->handle, sizeof(struct event_closed));
  struct event_closed *closed = (struct event_closed *)r->payload;
  const char *reason = c->extra ? c->extra->close_reason : NULL;
  size_t length = reason ? strlen(reason) : 0;
  assert(length <= sizeof closed->reason);
  closed->code = c->close_code ? c->close_code : WS_CLOSE_ABNORMAL;
  closed->was_clean =
      is_websocket(c) && ws_session_is_closed(&c->session) && outbox_is_empty(&c->outbox);
  closed->reason_length = (uint8_t)length;
  if (length > 0) memcpy(closed->reason, reason, length);
}

void conn_detach(struct conn *c, bool tell) {
  if (c->handle != 0) {
    if (tell && c->server) tell_closed(c);
    registry_remove(&c->reactor->registry, c->handle);
    c->handle = 0;
  }
  if (!c->server) return;
  struct server *s = c->server;
  c->server = NULL;
  server_leave(s, c);
}

static void close_socket(struct conn *c, bool reset) {
  c->state = CONN_CLOSED;
  wheel_stop(&c->deadline);
  outbox_deinit(&c->outbox);
  c->transport->ops->close(c->transport, reset);
}

// A closing handshake's deadline holds for what follows it, too.
static void linger(struct conn *c) {
  if (c->state != CONN_CLOSING) conn_set_deadline(c, reactor_now(c->reactor) + LINGER_MS);
  c->state = CONN_LINGERING;
  c->paused = 0;
  leave_lane(c);
  if (outbox_is_empty(&c->outbox)) c->transport->ops->finish(c->transport);
  conn_watch(c);
}

static void log_ending(const struct conn *c, const char *why) {
  if (!log_enabled(LOG_DEBUG)) return;
  if (c->id) {
    log_debug("connection %" PRIu64 " ended: %s, code %u, %zu bytes waiting", c->id, why,
              c->close_code ? c->close_code : WS_CLOSE_ABNORMAL, outbox_bytes(&c->outbox));
  } else {
    log_debug("HTTP connection ended: %s", why);
  }
}

void conn_end(struct conn *c, enum conn_exit how, const char *why) {
  if (c->state == CONN_CLOSED) return;
  if (how == CONN_EXIT_LINGER) conn_flush(c);
  if (c->state == CONN_CLOSED) return; // the flush has found the socket dead
  if (c->state != CONN_LINGERING) {
    log_ending(c, why);
    conn_detach(c, true);
    ws_session_deinit(&c->session);
    exchange_free(c->exchange);
    c->exchange = NULL;
    conn_ws_drop(c);
    if (how == CONN_EXIT_LINGER) {
      linger(c);
      return;
    }
  }
  if (how == CONN_EXIT_LINGER) return;
  c->first_piece = 0; // what is on reactor.dirty without a piece is passed over
  leave_lane(c);
  close_socket(c, how == CONN_EXIT_DESTROY);
}

void conn_lost(struct conn *c, int error) {
  conn_end(c, CONN_EXIT_CLOSE, error == 0 ? "the peer has left" : strerror(-error));
}

static void on_closed(struct transport *t) {
  struct conn *c = conn_of(t);
  struct web *w = c->web;
  list_remove(&c->member);
  free_extra(c);
  mem_free(c);
  web_release(w);
}
