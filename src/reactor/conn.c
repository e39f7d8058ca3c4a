// One socket's life: reading, deadlines, the ending. What the bytes mean is conn_http's and
// conn_ws's business. Loop thread.

#include "reactor/conn.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "mailbox/event.h"
#include "net/tls.h"
#include "net/wire.h"
#include "reactor/client.h"
#include "reactor/conn_http.h"
#include "reactor/conn_out.h"
#include "reactor/conn_tls.h"
#include "reactor/conn_ws.h"
#include "reactor/dial.h"
#include "reactor/loop.h"
#include "reactor/server.h"
#include "reactor/web.h"

enum {
  HTTP_READ_SIZE = 16384, // as much as a request's head may have
  LINGER_MS = 5000,       // of a client that no closeTimeout bounds
  COMPLAIN_MS = 60000,
};

static void on_ready(struct transport *t, bool readable, bool writable);
static void on_closed(struct transport *t);
static void on_tls_ready(struct transport *t, bool readable, bool writable);
static void on_tls_closed(struct transport *t);
static void on_wire_ready(struct transport *t, bool readable, bool writable);
static void on_wire_closed(struct transport *t);

static const struct transport_user USER = {.on_ready = on_ready, .on_closed = on_closed};
static const struct transport_user TLS_USER = {.on_ready = on_tls_ready,
                                               .on_closed = on_tls_closed};
static const struct transport_user WIRE_USER = {.on_ready = on_wire_ready,
                                                .on_closed = on_wire_closed};

static struct conn *conn_of(struct transport *t) {
  return LIST_ENTRY(t, struct conn, tcp.transport);
}

const struct transport_user *conn_tls_user(void) {
  return &TLS_USER;
}

void conn_use_socket(struct conn *c) {
  c->transport = &c->tcp.transport;
  c->transport->user = &USER;
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

static void complain(struct reactor *r, const char *what, int error) {
  if (log_is_due(&r->conn_complained, reactor_now(r), COMPLAIN_MS))
    log_warn("%s: %s", what, strerror(error));
}

struct conn *conn_new(struct reactor *r, enum conn_state state) {
  struct conn *c = mem_zalloc(sizeof *c);
  c->reactor = r;
  c->state = (uint8_t)state;
  list_init(&c->member);
  wheel_timer_init(&c->deadline);
  outbox_init(&c->outbox);
  return c;
}

int conn_attach(struct conn *c, int fd) {
  int status = tcp_open(&c->tcp, &c->reactor->poller, fd, &USER);
  if (status == 0) c->transport = &c->tcp.transport;
  return status;
}

// It has its transport.
static void enter(struct conn *c, struct web *w, const struct address *peer) {
  c->web = w;
  list_push(&w->conns, &c->member);
  c->exchange = exchange_new(w->config->max_body, peer);
  conn_set_deadline(c, reactor_due(c->reactor, w->config->handshake_timeout));
  stats_add(&c->reactor->stats.accepted, 1);
}

void conn_accept(struct web *w, int fd, const struct address *peer) {
  struct conn *c = conn_new(w->reactor, CONN_REQUEST);
  int status = conn_attach(c, fd);
  if (status < 0) {
    complain(w->reactor, "can't watch a new connection, it is closed", -status);
    mem_free(c);
    return;
  }
  enter(c, w, peer);
  if (w->tls) conn_tls_accept(c, w->tls);
  conn_watch(c);
}

void conn_accept_wire(struct web *w, struct duplex *d, const struct address *peer, bool is_secure) {
  struct conn *c = conn_new(w->reactor, CONN_REQUEST);
  c->transport = wire_new(w->reactor->wires, d, &WIRE_USER, c);
  enter(c, w, peer);
  c->exchange->peer.secure = is_secure;
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

// Reading -----------------------------------------------------------------------------------------

static size_t allowance(const struct conn *c) {
  size_t size = is_websocket(c) ? conn_ws_allowance(c) : HTTP_READ_SIZE;
  return size < REACTOR_READ_SIZE ? size : REACTOR_READ_SIZE;
}

static void on_eof(struct conn *c) {
  if (is_http(c)) {
    conn_http_eof(c);
  } else if (c->state == CONN_DIALING) {
    dial_eof(c);
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
    if (n == TRANSPORT_PLAIN_HTTP)
      conn_tls_plain(c);
    else
      conn_lost(c, (int)n);
    return;
  }
  if (n == 0) {
    on_eof(c);
    return;
  }
  stats_add(&r->stats.received_wire, (uint64_t)n);
  c->received_at = (uint32_t)reactor_now(r);
  if (c->ping_sent && is_websocket(c)) conn_ws_answered(c);
  if (is_http(c)) {
    conn_http_feed(c, (const char *)r->read_buffer, (size_t)n);
  } else if (is_websocket(c)) {
    conn_ws_feed(c, r->read_buffer, (size_t)n);
  } else if (c->state == CONN_DIALING) {
    dial_feed(c, r->read_buffer, (size_t)n);
  } // a lingering connection's bytes are nobody's any more
}

static void make_ready(struct conn *c, bool readable, bool writable) {
  if (writable) {
    conn_out_drain(c);
    conn_watch(c);
  }
  if (readable && c->state != CONN_CLOSED) read_socket(c);
  // A full block has made this thread a worker: its messages are worked off while they are in the
  // processor's cache, before further sockets are read.
  if (c->reactor->has_adopted) poller_halt(&c->reactor->poller);
}

static void on_ready(struct transport *t, bool readable, bool writable) {
  make_ready(conn_of(t), readable, writable);
}

static void on_tls_ready(struct transport *t, bool readable, bool writable) {
  make_ready(tls_owner(t), readable, writable);
}

static void on_wire_ready(struct transport *t, bool readable, bool writable) {
  struct conn *c = wire_owner(t);
  make_ready(c, readable, writable);
  wire_duplex(t)->id = c->id;
}

struct err *conn_tell_error(struct conn *c, uint16_t flags) {
  struct record *r = batch_push(&c->terms->lane->batch, EVENT_ERROR, c->handle, sizeof(struct err));
  r->flags = flags;
  return (struct err *)r->payload;
}

// Ending ------------------------------------------------------------------------------------------

// Of a WebSocket: a handshake that has had no answer yet has never become one.
static void count_closed(const struct conn *c) {
  struct stats *stats = &c->reactor->stats;
  bool is_client = c->terms->is_client;
  if (c->state == CONN_DIALING) stats_add(&stats->clients_failed, 1);
  if (c->state < CONN_OPEN) return;
  stats_add(is_client ? &stats->clients : &stats->connections, UINT64_MAX); // less one
  stats_closed(is_client ? &stats->clients_closed : &stats->closed,
               c->close_code ? c->close_code : WS_CLOSE_ABNORMAL);
}

// Which frames have been made says little about a socket that is lost: only who lingers has been
// heard out.
static void tell_closed(struct conn *c, bool lingers) {
  struct record *r =
      batch_push(&c->terms->lane->batch, EVENT_CLOSED, c->handle, sizeof(struct event_closed));
  struct event_closed *closed = (struct event_closed *)r->payload;
  const unsigned char *reason = c->extra ? c->extra->close_reason : NULL;
  size_t length = reason ? reason[0] : 0;
  assert(length <= sizeof closed->reason);
  closed->code = c->close_code ? c->close_code : WS_CLOSE_ABNORMAL;
  closed->was_clean = lingers && is_websocket(c) && ws_session_is_closed(&c->session) &&
                      outbox_is_empty(&c->outbox);
  closed->reason_length = (uint8_t)length;
  if (length > 0) memcpy(closed->reason, reason + 1, length);
}

static void detach(struct conn *c, bool tell, bool lingers) {
  if (c->handle != 0) {
    if (tell && c->terms) {
      count_closed(c);
      tell_closed(c, lingers);
    }
    registry_remove(&c->reactor->registry, c->handle);
    c->handle = 0;
  }
  if (!c->terms) return;
  struct terms *terms = c->terms;
  c->terms = NULL;
  if (terms->is_client)
    client_leave(terms);
  else
    server_leave(server_of_terms(terms), c);
}

void conn_detach(struct conn *c, bool tell) {
  detach(c, tell, false);
}

static void close_socket(struct conn *c, bool reset) {
  c->state = CONN_CLOSED;
  wheel_stop(&c->deadline);
  outbox_deinit(&c->outbox);
  if (c->transport) {
    c->transport->ops->close(c->transport, reset);
    return;
  }
  list_remove(&c->member);
  list_push(&c->reactor->gone, &c->member);
}

// A closing handshake's deadline holds for what follows it, too. Without one (closeTimeout = false)
// the script has waited for as long as it liked: it has been told.
static void linger(struct conn *c) {
  if (c->state != CONN_CLOSING || !wheel_is_running(&c->deadline)) {
    uint64_t span = c->web ? c->web->config->linger_timeout : LINGER_MS;
    conn_set_deadline(c, reactor_due(c->reactor, span));
  }
  c->state = CONN_LINGERING;
  c->paused = 0;
  leave_lane(c);
  if (outbox_is_empty(&c->outbox) && !c->peer_ends) c->transport->ops->finish(c->transport);
  conn_watch(c);
}

static void log_ending(const struct conn *c, const char *why) {
  if (!log_enabled(LOG_DEBUG)) return;
  if (c->id) {
    log_debug("%s %" PRIu64 " ended: %s, code %u, %zu bytes waiting",
              c->web ? "connection" : "client", c->id, why,
              c->close_code ? c->close_code : WS_CLOSE_ABNORMAL, outbox_bytes(&c->outbox));
  } else {
    log_debug("HTTP connection ended: %s", why);
  }
}

void conn_end(struct conn *c, enum conn_exit how, const char *why) {
  if (c->state == CONN_CLOSED) return;
  if (how == CONN_EXIT_LINGER) conn_out_flush(c);
  if (c->state == CONN_CLOSED) return; // the flush has found the socket dead
  if (c->state != CONN_LINGERING) {
    c->is_parting = false;
    c->peer_ends = !c->web && ws_session_is_closed(&c->session);
    log_ending(c, why);
    if (c->web && conn_tls_is_shaking(c)) stats_add(&c->reactor->stats.tls_failed, 1);
    detach(c, true, how == CONN_EXIT_LINGER);
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

// What the peer or the network has done, and not this machine.
static bool is_peers(int error) {
  switch (error) {
  case 0:
  case ECONNRESET:
  case ECONNABORTED:
  case EPIPE:
  case ETIMEDOUT:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH: return true;
  default: return false;
  }
}

void conn_tell_cut(struct conn *c, int error) {
  if (c->state != CONN_OPEN || !c->terms->is_client || !ws_session_is_midway(&c->session)) return;
  struct err *err = conn_tell_error(c, 0);
  if (error == 0)
    err_set(err, ERR_UV__, UV_EOF, "the server closed the connection in the middle of a message");
  else
    err_set_errno(err, -error, "lost the connection in the middle of a message");
}

void conn_lost(struct conn *c, int error) {
  if (c->state == CONN_DIALING) {
    dial_lost(c, error);
    return;
  }
  if (error == TRANSPORT_FAILED) {
    conn_tls_failed(c);
    return;
  }
  if (!is_peers(-error)) complain(c->reactor, "a connection is lost", -error);
  conn_tell_cut(c, error);
  conn_end(c, CONN_EXIT_CLOSE, error == 0 ? "the peer has left" : strerror(-error));
}

static void free_conn(struct conn *c) {
  struct web *w = c->web;
  list_remove(&c->member);
  free_extra(c);
  mem_free(c);
  if (w) web_release(w);
}

static void on_closed(struct transport *t) {
  free_conn(conn_of(t));
}

static void on_tls_closed(struct transport *t) {
  free_conn(tls_owner(t));
}

static void on_wire_closed(struct transport *t) {
  free_conn(wire_owner(t));
}

void conn_sweep(struct reactor *r) {
  while (!list_empty(&r->gone))
    free_conn(LIST_ENTRY(r->gone.next, struct conn, member));
}
