// A connection's WebSocket part. Loop thread.

#include "reactor/conn_ws.h"

#include <string.h>
#include "base/mem.h"
#include "http/deflate.h"
#include "http/handshake.h"
#include "mailbox/event.h"
#include "reactor/conn.h"
#include "reactor/conn_close.h"
#include "reactor/conn_http.h"
#include "reactor/conn_out.h"
#include "reactor/loop.h"
#include "reactor/terms.h"

enum {
  HEAD_MAX = 1024 * 1024, // of the 101; the worker bounds what a script adds
  HEAD_USUAL = 256,       // of it, without those headers
  READ_MIN = 16384,       // read at least so much, however little credit is left
  MESSAGE = 1000,         // what one costs in rate_tokens
  PONGS_MAX = 16,         // waiting at once; beyond, only the latest ping is answered
};

static uint64_t now_of(const struct conn *c) {
  return reactor_now(c->reactor);
}

// How long the peer has said nothing: ms.
static uint64_t silence(const struct conn *c) {
  return (uint32_t)now_of(c) - c->received_at;
}

// Keepalive ---------------------------------------------------------------------------------------

static uint64_t rate_due(const struct conn *c) {
  if (!(c->paused & CONN_PAUSE_RATE)) return UINT64_MAX;
  uint64_t rate = c->terms->config->max_message_rate; // thousandths a millisecond
  return c->extra->rate_at + (uint64_t)(MESSAGE - c->extra->rate_tokens) / rate + 1;
}

static void arm(struct conn *c) {
  uint64_t rate = rate_due(c);
  conn_set_deadline(c, rate < c->keepalive_due ? rate : c->keepalive_due);
}

void conn_ws_restart_clock(struct conn *c) {
  c->received_at = (uint32_t)now_of(c);
  c->ping_sent = false;
}

// The next ping is due by its own interval, however long a pong might have taken.
void conn_ws_answered(struct conn *c) {
  c->ping_sent = false;
  c->keepalive_due = now_of(c) + c->terms->config->ping_interval;
  if (c->state == CONN_OPEN) arm(c);
}

static void write_control(struct conn *c, const uint8_t *frame, size_t size) {
  if (size > 0) conn_out_write(c, frame, size, false);
}

static void send_ping(struct conn *c, struct span data) {
  uint8_t frame[WS_CONTROL_FRAME_MAX];
  write_control(c, frame, ws_session_ping(&c->session, frame, data, conn_out_mask(c)));
}

static void keep_alive(struct conn *c) {
  const struct link_config *config = c->terms->config;
  uint64_t now = now_of(c);
  if (c->paused) { // the silence is ours, but a socket whose peer is gone refuses pings
    conn_ws_restart_clock(c);
    c->keepalive_due = now + config->ping_interval;
    if (outbox_is_empty(&c->outbox)) send_ping(c, (struct span){NULL, 0});
    return;
  }
  if (c->ping_sent && config->pong_timeout != CONFIG_NONE) {
    conn_end(c, CONN_EXIT_DESTROY, "no pong");
    return;
  }
  uint64_t silent = silence(c);
  if (silent < config->ping_interval) {
    c->keepalive_due = now - silent + config->ping_interval;
    return;
  }
  c->ping_sent = true;
  bool drops = config->pong_timeout != CONFIG_NONE;
  c->keepalive_due = now + (drops ? config->pong_timeout : config->ping_interval);
  send_ping(c, (struct span){NULL, 0});
}

// Rate --------------------------------------------------------------------------------------------

static bool is_over_rate(const struct conn *c) {
  return c->has_rate && c->state == CONN_OPEN && c->extra->rate_tokens < MESSAGE;
}

// From here on maxMessageRate holds.
static void start_rate(struct conn *c, uint64_t rate) {
  struct conn_extra *extra = conn_need_extra(c);
  c->has_rate = c->may_hold = true;
  extra->rate_at = now_of(c);
  extra->rate_tokens = (int64_t)rate * MESSAGE;
}

// Tokens come in at the rate, up to a second's worth.
static void refill(struct conn *c) {
  struct conn_extra *extra = c->extra;
  int64_t rate = (int64_t)c->terms->config->max_message_rate;
  uint64_t now = now_of(c);
  int64_t gained = (int64_t)(now - extra->rate_at) * rate;
  extra->rate_at = now;
  extra->rate_tokens += gained;
  if (extra->rate_tokens > rate * MESSAGE) extra->rate_tokens = rate * MESSAGE;
}

static void on_rate_due(struct conn *c) {
  refill(c);
  if (is_over_rate(c)) return;
  conn_ws_resume(c, CONN_PAUSE_RATE);
}

void conn_ws_timeout(struct conn *c) {
  if (c->state == CONN_CLOSING) {
    conn_close_timeout(c);
    return;
  }
  uint64_t now = now_of(c);
  if (now >= rate_due(c)) on_rate_due(c);
  if (now >= c->keepalive_due) keep_alive(c);
  if (c->state == CONN_OPEN) arm(c);
}

// Opening -----------------------------------------------------------------------------------------

// What comes out of few bytes may be many, so that they are held back like those beyond a rate.
static void start_compression(struct conn *c, const struct http_deflate *agreed) {
  const struct compression *k = &c->terms->config->compression;
  bool is_client = c->terms->is_client;
  struct ws_deflate_params params = {
      .threshold = k->threshold,
      .out_bits = is_client ? agreed->client_bits : agreed->server_bits,
      .in_bits = is_client ? agreed->server_bits : agreed->client_bits,
      .out_takeover = is_client ? agreed->client_takeover : agreed->server_takeover,
      .in_takeover = is_client ? agreed->server_takeover : agreed->client_takeover,
      .level = k->level,
      .mem_level = k->mem_level,
  };
  ws_session_compress(&c->session, ws_deflate_new(c->reactor->codec, &params));
  c->may_hold = true;
}

void conn_ws_open(struct conn *c, const struct http_deflate *deflate) {
  const struct link_config *config = c->terms->config;
  struct reactor *r = c->reactor;
  bool is_client = c->terms->is_client;
  c->rewrites = is_client || deflate;
  if (c->rewrites && !r->codec) r->codec = ws_codec_new();
  ws_session_init(&c->session, is_client ? WS_ROLE_CLIENT : WS_ROLE_SERVER, &c->terms->limits);
  if (deflate) start_compression(c, deflate);
  c->state = CONN_OPEN;
  stats_add(is_client ? &r->stats.clients_opened : &r->stats.opened, 1);
  stats_add(is_client ? &r->stats.clients : &r->stats.connections, 1);
  conn_ws_restart_clock(c);
  c->keepalive_due = reactor_due(r, config->ping_interval);
  if (config->max_message_rate != CONFIG_NONE) start_rate(c, config->max_message_rate);
  arm(c);
}

// A limit of the rate that is the same goes on.
static void change_rate(struct conn *c, uint64_t old, uint64_t rate) {
  if (rate == old) return;
  c->has_rate = false;
  if (rate != CONFIG_NONE) start_rate(c, rate);
  if (c->paused & CONN_PAUSE_RATE) conn_ws_resume(c, CONN_PAUSE_RATE);
}

void conn_ws_change_terms(struct conn *c, const struct link_config *old) {
  const struct link_config *config = c->terms->config;
  ws_session_change_limits(&c->session, &c->terms->limits);
  if (c->state != CONN_OPEN) return;
  if (config->ping_interval != old->ping_interval || config->pong_timeout != old->pong_timeout) {
    conn_ws_restart_clock(c);
    c->keepalive_due = reactor_due(c->reactor, config->ping_interval);
    arm(c);
  }
  change_rate(c, old->max_message_rate, config->max_message_rate);
}

// permessage-deflate as this server and the request agree on it: `answer`. False: they don't.
static bool agree(const struct conn *c, struct http_deflate *agreed,
                  char answer[HTTP_DEFLATE_ANSWER_MAX]) {
  const struct compression *k = &c->terms->config->compression;
  struct http_deflate_policy policy = {k->window_bits, k->context_takeover};
  answer[0] = '\0';
  return k->on && http_deflate_accept(c->exchange->request, &policy, agreed, answer);
}

void conn_ws_accept(struct conn *c, struct span protocol, struct span headers) {
  struct exchange *x = c->exchange;
  struct buf head;
  buf_init(&head, HEAD_MAX);
  buf_reserve(&head, HEAD_USUAL + headers.n);
  struct span key = http_request_header(x->request, "sec-websocket-key");
  struct http_deflate deflate;
  char answer[HTTP_DEFLATE_ANSWER_MAX];
  bool compresses = agree(c, &deflate, answer);
  if (http_handshake_write(&head, key, protocol, span_of(answer), headers) != 0) {
    buf_deinit(&head);
    conn_http_refuse(c, 500, "the response headers are too long");
    return;
  }
  conn_ws_open(c, compresses ? &deflate : NULL);
  c->exchange = NULL;
  conn_out_write(c, head.data, head.len, false);
  buf_deinit(&head);
  // Frames may have come right behind the request.
  if (c->state == CONN_OPEN) {
    conn_resume(c, CONN_PAUSE_HTTP);
    conn_ws_feed(c, (const unsigned char *)x->in.data, x->in.len);
  }
  exchange_free(x);
}

// Receiving ---------------------------------------------------------------------------------------

static bool lane_is_full(const struct conn *c) {
  return c->terms->lane->owed >= c->reactor->lane_window;
}

size_t conn_ws_allowance(const struct conn *c) {
  if (c->may_hold) return READ_MIN; // it may have to be kept
  size_t left = c->owed < EVENT_WINDOW ? EVENT_WINDOW - c->owed : 0;
  // When all together owe too much each may still say a little: pings, a close frame.
  if (lane_is_full(c)) left = 0;
  return left > READ_MIN ? left : READ_MIN;
}

static void on_message(struct conn *c, struct ws_input *in, struct ws_event *e) {
  if (c->state == CONN_CLOSING) {
    ws_session_skip(&c->session, in);
    return;
  }
  struct lane *lane = c->terms->lane;
  struct record *r = batch_push(&lane->batch, EVENT_MESSAGE, c->handle, e->length);
  if (!ws_session_take(&c->session, in, r->payload, e)) {
    batch_cancel(&lane->batch);
    conn_close_fail(c, e->code, e->cause);
    return;
  }
  if (e->is_binary) r->flags = EVENT_BINARY;
  stats_add(&c->reactor->stats.received_messages, 1);
  stats_add(&c->reactor->stats.received_bytes, e->length);
  c->owed += EVENT_COST(e->length);
  c->epoch = lane->epoch;
  lane->owed += EVENT_COST(e->length);
  if (c->has_rate) c->extra->rate_tokens -= MESSAGE;
}

// A peer that pings without reading must not fill the outbox: beyond a few, only its latest ping
// is answered, which RFC 6455 section 5.5.3 allows.
static void on_ping(struct conn *c, struct span data) {
  if (outbox_is_empty(&c->outbox) || c->pongs < PONGS_MAX) {
    uint8_t frame[WS_CONTROL_FRAME_MAX];
    if (!outbox_is_empty(&c->outbox)) c->pongs++;
    write_control(c, frame, ws_session_pong(&c->session, frame, data, conn_out_mask(c)));
    return;
  }
  struct conn_extra *extra = conn_need_extra(c);
  if (!extra->pong) extra->pong = mem_alloc(1 + WS_CONTROL_MAX);
  extra->pong[0] = (unsigned char)data.n;
  if (data.n > 0) memcpy(extra->pong + 1, data.p, data.n);
}

// Whether the rest of the input has to be held back. Credit alone doesn't bound what compressed
// messages become: of them no more is looked at than there is credit for, but for control frames
// when it is not this connection's fault.
static bool must_hold(const struct conn *c, const struct ws_input *in) {
  if (is_over_rate(c)) return true;
  if (!c->session.compresses || c->state != CONN_OPEN) return false;
  if (c->owed >= EVENT_WINDOW) return true;
  return lane_is_full(c) && !ws_session_is_at_control(&c->session, in);
}

// Goes through the input up to its end, or to where the connection ends or the rest is held back.
static void take_events(struct conn *c, struct ws_input *in) {
  struct ws_event e;
  while ((c->state == CONN_OPEN || c->state == CONN_CLOSING) &&
         !(c->may_hold && must_hold(c, in)) && ws_session_next(&c->session, in, &e)) {
    switch (e.type) {
    case WS_EVENT_MESSAGE: on_message(c, in, &e); break;
    case WS_EVENT_PING: on_ping(c, e.data); break;
    case WS_EVENT_PONG: break;
    case WS_EVENT_CLOSE: conn_close_answer(c, e.code, e.data); break;
    case WS_EVENT_FAIL: conn_close_fail(c, e.code, e.cause); break;
    }
  }
}

// What is held back waits with the connection. Bounded by conn_ws_allowance, and by what an upgrade
// may bring along.
static void hold(struct conn *c, const struct ws_input *in) {
  struct buf *held = conn_need_extra(c)->held = mem_alloc(sizeof *held);
  buf_init(held, SIZE_MAX);
  buf_append(held, in->p, in->n);
}

static void free_held(struct buf *held) {
  if (held) buf_deinit(held);
  mem_free(held);
}

void conn_ws_feed_held(struct conn *c) {
  struct buf *held = c->extra ? c->extra->held : NULL;
  if (!held || c->state > CONN_CLOSING) return;
  c->extra->held = NULL;
  conn_ws_feed(c, (const unsigned char *)held->data, held->len);
  free_held(held);
}

void conn_ws_resume(struct conn *c, enum conn_pause why) {
  conn_resume(c, why);
  if (!(c->paused & (CONN_PAUSE_CREDIT | CONN_PAUSE_LANE | CONN_PAUSE_RATE))) conn_ws_feed_held(c);
}

void conn_ws_feed(struct conn *c, const unsigned char *p, size_t n) {
  struct ws_input in = {p, n};
  if (c->has_rate) refill(c);
  take_events(c, &in);
  if (c->state == CONN_OPEN && in.n > 0) hold(c, &in);
  if (c->state == CONN_OPEN) conn_ws_throttle(c);
}

void conn_ws_drop(struct conn *c) {
  if (!c->extra) return;
  free_held(c->extra->held);
  c->extra->held = NULL;
  mem_free(c->extra->pong);
  c->extra->pong = NULL;
}

// Whether it adds to what the worker owes; else it only pings.
static bool adds(const struct conn *c) {
  return c->owed > 0 || ws_session_is_midway(&c->session) || (c->extra && c->extra->held);
}

void conn_ws_throttle(struct conn *c) {
  if (c->owed >= EVENT_WINDOW) conn_pause(c, CONN_PAUSE_CREDIT);
  if (lane_is_full(c) && adds(c) && !(c->paused & CONN_PAUSE_LANE)) {
    list_push(&c->terms->lane->paused, &conn_need_extra(c)->lane_node);
    conn_pause(c, CONN_PAUSE_LANE);
  }
  if (!is_over_rate(c)) return;
  conn_pause(c, CONN_PAUSE_RATE);
  arm(c);
}

void conn_ws_credit(struct conn *c, uint32_t cost) {
  c->owed -= cost < c->owed ? cost : c->owed;
  if ((c->paused & CONN_PAUSE_CREDIT) && c->owed <= EVENT_WINDOW / 2)
    conn_ws_resume(c, CONN_PAUSE_CREDIT);
}

// Sending -----------------------------------------------------------------------------------------

void conn_ws_drained(struct conn *c) {
  c->pongs = 0;
  if (c->extra && c->extra->pong) {
    unsigned char *pong = c->extra->pong;
    c->extra->pong = NULL;
    on_ping(c, (struct span){(const char *)pong + 1, pong[0]});
    mem_free(pong);
    if (c->state == CONN_CLOSED || !outbox_is_empty(&c->outbox)) return;
  }
  if (c->was_refused) {
    c->was_refused = false;
    if (c->state == CONN_OPEN) batch_push(&c->terms->lane->batch, EVENT_DRAIN, c->handle, 0);
  }
  if (c->state == CONN_CLOSING) conn_close_drained(c);
}

void conn_ws_ping(struct conn *c, struct span data) {
  if (conn_takes_frames(c)) send_ping(c, data);
}

void conn_ws_refuse(struct conn *c) {
  struct link_config *config = c->terms->config;
  if (c->state != CONN_OPEN || config->slow_consumer == SLOW_CONSUMER_DROP) {
    atomic_fetch_add_explicit(&config->dropped, 1, memory_order_relaxed);
    stats_add(&c->reactor->stats.dropped, 1);
    return;
  }
  err_set(conn_tell_error(c, EVENT_SLOW), ERR_LUAW, WS_CLOSE_POLICY,
          "slow consumer: %zu bytes wait for it", outbox_bytes(&c->outbox));
  conn_close_cut(c, WS_CLOSE_POLICY, SPAN("slow consumer"));
}
