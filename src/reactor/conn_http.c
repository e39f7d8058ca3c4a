// A connection's HTTP part. Loop thread.

#include "reactor/conn_http.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "http/handshake.h"
#include "http/response.h"
#include "http/static.h"
#include "http/url.h"
#include "mailbox/event.h"
#include "reactor/conn.h"
#include "reactor/conn_ask.h"
#include "reactor/conn_out.h"
#include "reactor/conn_ws.h"
#include "reactor/endpoint.h"
#include "reactor/loop.h"
#include "reactor/server.h"
#include "reactor/web.h"

enum {
  INPUT_MAX = 64 * 1024,   // kept behind a request that is being answered; then reading stops
  HEAD_MAX = 1024 * 1024,  // of a response; the worker bounds what a script adds
  FILE_PIECE = 64 * 1024,  // read from a file at once
  FILE_TURN = 1024 * 1024, // sent of a file before the others get their turn
  COMPLAIN_MS = 60000,
};

static uint64_t now_of(const struct conn *c) {
  return reactor_now(c->reactor);
}

static uint64_t unix_time(void) {
  return (uint64_t)time(NULL);
}

static void start_deadline(struct conn *c, uint64_t span) {
  conn_set_deadline(c, reactor_due(c->reactor, span));
}

_Static_assert(HTTP_IP_TEXT_MAX == ADDRESS_TEXT_MAX, "an address has the same room everywhere");

struct exchange *exchange_new(uint64_t max_body, const struct address *peer) {
  struct exchange *x = mem_zalloc(sizeof *x);
  x->request = http_request_new(max_body < SIZE_MAX ? (size_t)max_body : SIZE_MAX);
  buf_init(&x->in, INPUT_MAX);
  address_text(peer, x->peer.address, &x->peer.port);
  x->file = -1;
  return x;
}

static void close_file(struct exchange *x) {
  if (x->file >= 0) close(x->file);
  x->file = -1;
  x->file_left = 0;
  mem_free(x->tail);
  x->tail = NULL;
}

void exchange_free(struct exchange *x) {
  if (!x) return;
  close_file(x);
  http_request_free(x->request);
  buf_deinit(&x->in);
  mem_free(x);
}

// Answers -----------------------------------------------------------------------------------------

static bool is_head(const struct exchange *x) {
  return span_eq(http_request_method(x->request), SPAN("HEAD"));
}

// What the peer had sent before its FIN is still answered.
static bool goes_on(const struct conn *c) {
  const struct exchange *x = c->exchange;
  bool may_come = !x->has_ended || x->in.len > 0 || x->being_fed > 0;
  return x->keep_alive && may_come && !c->web->is_stopped;
}

static void next_request(struct conn *c) {
  struct exchange *x = c->exchange;
  http_request_reset(x->request);
  c->state = CONN_REQUEST;
  x->is_idle = true;
  start_deadline(c, c->web->config->keep_alive_timeout);
  conn_resume(c, CONN_PAUSE_HTTP);
  if (x->is_feeding || x->in.len == 0) return;
  size_t n;
  char *in = buf_take(&x->in, &n);
  conn_http_feed(c, in, n);
  mem_free(in);
}

// The response is written as far as it could be: goes on with it, or with what follows it.
static void continue_response(struct conn *c) {
  if (c->state == CONN_CLOSED) return;
  c->state = CONN_SENDING;
  conn_http_drained(c);
  // A file that isn't finished goes on when the socket is writable again, empty outbox or not.
  if (c->state == CONN_SENDING) conn_watch(c);
}

static void complain_of_file(struct conn *c, const char *verb, const char *which, int error) {
  struct reactor *r = c->reactor;
  if (!log_is_due(&r->file_complained, reactor_now(r), COMPLAIN_MS)) return;
  log_warn("can't %s the file %s: %s%s", verb, which, strerror(error),
           error == EMFILE || error == ENFILE ? " (raise the limit with ulimit -n)" : "");
}

// Sends the next pieces of a file, and what goes behind it. True: there is no more to come.
static bool send_file(struct conn *c) {
  struct exchange *x = c->exchange;
  char piece[FILE_PIECE];
  for (size_t turn = 0; x->file_left > 0 && turn < FILE_TURN && outbox_is_empty(&c->outbox);) {
    size_t want = x->file_left < sizeof piece ? (size_t)x->file_left : sizeof piece;
    ssize_t n = pread(x->file, piece, want, (off_t)x->file_offset);
    if (n < 0) complain_of_file(c, "read", "that is being sent", errno);
    if (n <= 0) {
      conn_end(c, CONN_EXIT_DESTROY, "the file changed while it was sent");
      return false;
    }
    x->file_offset += (uint64_t)n;
    x->file_left -= (uint64_t)n;
    turn += (size_t)n;
    conn_out_write(c, piece, (size_t)n, false);
    if (c->state == CONN_CLOSED) return false;
  }
  if (x->file_left > 0) return false;
  char *tail = x->tail;
  x->tail = NULL;
  if (tail) conn_out_write(c, tail, x->tail_length, false);
  mem_free(tail);
  return c->state != CONN_CLOSED;
}

void conn_http_taken(struct conn *c) {
  start_deadline(c, c->web->config->response_timeout);
}

void conn_http_drained(struct conn *c) {
  conn_http_taken(c);
  if (!outbox_is_empty(&c->outbox)) return;
  if (!send_file(c) || !outbox_is_empty(&c->outbox)) return;
  close_file(c->exchange);
  if (goes_on(c))
    next_request(c);
  else
    conn_end(c, CONN_EXIT_LINGER, "request answered");
}

static void respond_text(struct conn *c, int status, const char *text, struct span extra) {
  struct exchange *x = c->exchange;
  struct buf out;
  buf_init(&out, HEAD_MAX);
  http_response_text(&out, status, text, extra, unix_time(), goes_on(c), is_head(x));
  conn_out_write(c, out.data, out.len, false);
  buf_deinit(&out);
  continue_response(c);
}

static struct span extra_of(int status) {
  if (status == 405) return SPAN("Allow: GET\r\n");
  if (status == 426) {
    return SPAN("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
  }
  return (struct span){NULL, 0};
}

void conn_http_refuse(struct conn *c, int status, const char *text) {
  stats_refused(&c->reactor->stats, status);
  conn_detach(c, true);
  c->exchange->keep_alive = false;
  respond_text(c, status, text, extra_of(status));
}

// Bytes behind the command's struct: header lines, body.
void conn_http_respond(struct conn *c, const struct command_respond *answer) {
  struct exchange *x = c->exchange;
  if (c->state == CONN_ANSWERING) {
    stats_refused(&c->reactor->stats, (int)answer->status);
    x->keep_alive = false;
  }
  conn_detach(c, false);
  const char *headers = (const char *)(answer + 1);
  int status = (int)answer->status;
  bool has_length = status != 204 && status != 304;
  struct buf out;
  buf_init(&out, SIZE_MAX); // both parts lie in memory already
  http_response_line(&out, status);
  buf_append(&out, headers, answer->headers_length);
  http_response_end(&out, unix_time(), has_length ? answer->body_length : UINT64_MAX, goes_on(c));
  if (!is_head(x)) buf_append(&out, headers + answer->headers_length, answer->body_length);
  conn_out_write(c, out.data, out.len, false);
  buf_deinit(&out);
  continue_response(c);
}

// OPTIONS *: nothing but that we are there, and what we can (RFC 9110 section 9.3.7).
static void respond_for_whole_server(struct conn *c) {
  struct buf out;
  buf_init(&out, HEAD_MAX);
  http_response_line(&out, 204);
  http_response_header(&out, SPAN("Allow"), SPAN("GET, HEAD, OPTIONS"));
  http_response_end(&out, unix_time(), UINT64_MAX, goes_on(c));
  conn_out_write(c, out.data, out.len, false);
  buf_deinit(&out);
  continue_response(c);
}

// Static files ------------------------------------------------------------------------------------

static void redirect_to_folder(struct conn *c, struct span path, struct span query) {
  // The path has passed http_static_path: it holds no byte that could end the line. A second "/"
  // at its start would make it another host's.
  struct buf extra;
  buf_init(&extra, HTTP_LINE_MAX + 64);
  while (path.n > 1 && path.p[1] == '/')
    path.p++, path.n--;
  buf_printf(&extra, "Location: %.*s/%s%.*s\r\n", (int)path.n, path.p, query.n ? "?" : "",
             (int)query.n, query.p ? query.p : "");
  respond_text(c, 301, "this folder's address ends in /", buf_span(&extra));
  buf_deinit(&extra);
}

// A page that has a tail is a file of both one behind the other: of `left` bytes from `offset` on,
// this is what lies in either.
static void divide(struct exchange *x, uint64_t file_size, const char *tail, uint64_t offset,
                   uint64_t left) {
  uint64_t end = offset + left;
  uint64_t tail_from = offset > file_size ? offset - file_size : 0;
  x->file_offset = offset;
  x->file_left = offset >= file_size ? 0 : (end < file_size ? end : file_size) - offset;
  x->tail_length = (size_t)(left - x->file_left);
  if (x->tail_length > 0) x->tail = mem_dup(tail + tail_from, x->tail_length);
}

static void send_head_of_file(struct conn *c, int fd, const struct http_file *file,
                              const char *name) {
  struct exchange *x = c->exchange;
  const char *type = http_static_type(name);
  const char *tail = strncmp(type, "text/html", 9) == 0 ? c->web->config->page_tail : NULL;
  struct http_file all = *file;
  uint64_t offset, left;
  struct buf head;
  buf_init(&head, HEAD_MAX);
  x->file = fd;
  if (tail) all.size += strlen(tail);
  http_static_respond(&head, x->request, &all, type, unix_time(), goes_on(c), &offset, &left);
  divide(x, file->size, tail, offset, left);
  conn_out_write(c, head.data, head.len, false);
  buf_deinit(&head);
  continue_response(c);
}

// There may be one, but not now. The log gets the path as it was sent, which is one line whatever
// it stands for.
static void fail_file(struct conn *c, struct span path, int error) {
  char name[200];
  snprintf(name, sizeof name, "%.*s", (int)path.n, path.p);
  complain_of_file(c, "open", name, error);
  respond_text(c, 503, "the file can't be read now, try again later", SPAN("Retry-After: 1\r\n"));
}

// Answers with a static file, if there is one. False: there is none.
static bool serve_file(struct conn *c, struct span path, struct span query) {
  struct exchange *x = c->exchange;
  struct span method = http_request_method(x->request);
  struct buf name;
  struct http_file file;
  bool is_folder;
  buf_init(&name, PATH_MAX);
  int fd = http_static_path(&name, path, &is_folder);
  if (fd == 0) fd = files_open(&c->web->root, name.data, is_folder, &file);
  bool is_none = fd == -ENOENT || fd == ERR_INVALID || fd == ERR_CLOSED || fd == ERR_TOO_BIG;
  if (fd == FILES_FOLDER) {
    redirect_to_folder(c, path, query);
  } else if (fd < 0) {
    if (!is_none) fail_file(c, path, -fd);
  } else if (!span_eq(method, SPAN("GET")) && !is_head(x)) {
    close(fd);
    respond_text(c, 405, "a file answers GET and HEAD", SPAN("Allow: GET, HEAD\r\n"));
  } else {
    send_head_of_file(c, fd, &file, is_folder ? "index.html" : name.data);
  }
  buf_deinit(&name);
  return !is_none;
}

void conn_http_pass(struct conn *c) {
  struct span path, query;
  conn_detach(c, false);
  http_url_split(http_request_target(c->exchange->request), &path, &query);
  if (c->web->root.fd >= 0 && serve_file(c, path, query)) return;
  if (endpoint_route(c->web, path)) {
    respond_text(c, 426, "this address speaks WebSocket", extra_of(426));
  } else {
    respond_text(c, 404, "not found", (struct span){NULL, 0});
  }
}

// Requests ----------------------------------------------------------------------------------------

// The first of the server's subprotocols that the client offers.
static struct span choose_protocol(const struct server *s, const struct http_request *r) {
  for (char **own = s->config->protocols; own && *own; own++) {
    struct http_protocol_iter at = {0};
    struct span offered;
    while (http_handshake_next_protocol(r, &at, &offered)) {
      if (span_eq(offered, span_of(*own))) return offered;
    }
  }
  return (struct span){NULL, 0};
}

static const char *refusal_text(int status) {
  if (status == 403) return "connections from this origin are not allowed";
  if (status == 429) return "too many connections from this address";
  return "too many connections";
}

// A worker that comes to nothing must not be told of ever more requests. What it owes for messages
// is bounded by itself, so that this is the ceiling of its mailbox.
static bool is_swamped(struct conn *c, const struct lane *lane) {
  struct reactor *r = c->reactor;
  if (!mailbox_is_behind(lane->batch.to, EVENT_WINDOW_OVERALL)) return false;
  if (log_is_due(&r->busy_complained, now_of(c), COMPLAIN_MS))
    log_warn("refused a request with 503: the script comes to nothing, and requests and messages "
             "of 64 MiB wait for it");
  conn_http_refuse(c, 503, "the server is too busy");
  return true;
}

static void on_upgrade(struct conn *c) {
  struct exchange *x = c->exchange;
  struct span path, query;
  http_url_split(http_request_target(x->request), &path, &query);
  struct endpoint *e = endpoint_route(c->web, path);
  if (!e) {
    conn_http_refuse(c, 404, "no WebSocket server answers at this path");
    return;
  }
  struct server *s = endpoint_pick(e);
  if (is_swamped(c, s->terms.lane)) return;
  int status = server_enter(s, c, x->client.address);
  if (status != 0) {
    conn_http_refuse(c, status, refusal_text(status));
    return;
  }
  c->id = ids_draw(c->reactor->ids);
  c->state = CONN_ANSWERING;
  start_deadline(c, s->config->answer_timeout);
  conn_ask(c, EVENT_CONNECT, s->terms.lane, s->config->id, choose_protocol(s, x->request));
}

static void on_plain(struct conn *c) {
  struct web *w = c->web;
  stats_add(&c->reactor->stats.requests, 1);
  if (span_eq(http_request_target(c->exchange->request), SPAN("*"))) {
    respond_for_whole_server(c);
    return;
  }
  struct web_member *m = web_pick(w);
  if (!m) {
    conn_http_pass(c);
    return;
  }
  if (is_swamped(c, m->lane)) return;
  c->state = CONN_HANDLING;
  start_deadline(c, w->config->request_timeout);
  c->exchange->asked = m->lane;
  conn_ask(c, EVENT_REQUEST, m->lane, m->id, (struct span){NULL, 0});
}

static void on_request(struct conn *c) {
  struct exchange *x = c->exchange;
  struct http_failure failure;
  x->keep_alive = http_request_keep_alive(x->request);
  x->client = x->peer;
  if (c->web->proxies) http_proxies_correct(c->web->proxies, x->request, &x->client);
  switch (http_handshake_check(x->request, &failure)) {
  case HTTP_UPGRADE_NONE: on_plain(c); return;
  case HTTP_UPGRADE_WEBSOCKET: on_upgrade(c); return;
  case HTTP_UPGRADE_BAD: conn_http_refuse(c, failure.status, failure.text); return;
  }
}

static void on_progress(struct conn *c, enum http_progress progress) {
  struct exchange *x = c->exchange;
  struct http_failure failure;
  switch (progress) {
  case HTTP_MORE: return;
  case HTTP_CONTINUE: conn_out_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25, false); return;
  case HTTP_COMPLETE: on_request(c); return;
  case HTTP_BAD:
    failure = http_request_failure(x->request);
    conn_http_refuse(c, failure.status, failure.text);
    return;
  }
}

// Takes requests from the input, as long as each is answered at once. Returns the bytes used.
static size_t take_requests(struct conn *c, const char *p, size_t n) {
  struct exchange *x = c->exchange;
  size_t done = 0;
  x->is_feeding = true;
  while (done < n && c->state == CONN_REQUEST) {
    size_t used;
    bool had_head = http_request_has_head(x->request);
    enum http_progress progress = http_request_feed(x->request, p + done, n - done, &used);
    done += used;
    x->being_fed = n - done;
    // A further request on the same connection: from its first byte on its own clock runs, were it
    // an empty line's. The head has one, the body another.
    if (x->is_idle) start_deadline(c, c->web->config->handshake_timeout);
    x->is_idle = false;
    if (!had_head && http_request_has_head(x->request)) {
      start_deadline(c, c->web->config->request_timeout);
    }
    on_progress(c, progress);
    if (c->exchange != x) return n;
  }
  x->is_feeding = false;
  x->being_fed = 0;
  return done;
}

void conn_http_feed(struct conn *c, const char *p, size_t n) {
  struct exchange *x = c->exchange;
  size_t done = 0;
  if (c->state == CONN_REQUEST && !x->is_feeding) done = take_requests(c, p, n);
  if (c->exchange != x) return;
  if (x->has_ended && c->state == CONN_REQUEST) {
    conn_lost(c, 0); // in the middle of a request, or behind the last one
    return;
  }
  if (done == n) return;
  if (buf_append(&x->in, p + done, n - done) != 0) {
    conn_end(c, CONN_EXIT_DESTROY, "too many requests at once");
    return;
  }
  if (x->in.len >= INPUT_MAX / 2) conn_pause(c, CONN_PAUSE_HTTP);
}

void conn_http_eof(struct conn *c) {
  struct exchange *x = c->exchange;
  x->has_ended = true;
  if (c->state == CONN_HANDLING || c->state == CONN_SENDING) {
    conn_pause(c, CONN_PAUSE_HTTP);
    return;
  }
  conn_lost(c, 0);
}

void conn_http_timeout(struct conn *c) {
  struct exchange *x = c->exchange;
  switch ((enum conn_state)c->state) {
  case CONN_REQUEST:
    if (!http_request_has_begun(x->request)) {
      conn_end(c, CONN_EXIT_CLOSE, "no request came");
    } else {
      conn_http_refuse(c, 408, "the request took too long");
    }
    return;
  case CONN_HANDLING:
    batch_push(&c->exchange->asked->batch, EVENT_REQUEST_LATE, c->handle, 0);
    conn_http_refuse(c, 503, "the server took too long to answer");
    return;
  case CONN_ANSWERING:
    batch_push(&c->terms->lane->batch, EVENT_ANSWER_LATE, c->handle, 0);
    conn_http_refuse(c, 503, "the server took too long to answer");
    return;
  case CONN_SENDING: conn_end(c, CONN_EXIT_DESTROY, "the response was not read"); return;
  case CONN_DIALING:
  case CONN_OPEN:
  case CONN_CLOSING:
  case CONN_LINGERING:
  case CONN_CLOSED: return;
  }
}
