// See reader.h. The session's calls are the only ones that the ledger sees.

#include "support/reader.h"

#include <assert.h>
#include "base/mem.h"
#include "support/input.h"
#include "support/ledger.h"

enum {
  INFLATED_MOST = 1032,    // bytes that one compressed byte can become
  CODEC_MOST = 200 * 1024, // zlib's inflaters, windows and what the codec keeps
};

static void feed_piece(struct reader *r, const uint8_t *p, size_t n);
static void handle_event(struct reader *r, struct ws_input *in, struct ws_event *event);
static void handle_message(struct reader *r, struct ws_input *in, struct ws_event *event);
static void handle_end(struct reader *r, const struct ws_event *event);
static void reply(struct reader *r, enum ws_opcode opcode, unsigned code, struct span data);
static void check_memory(const struct reader *r);

static void append(struct buf *b, const void *p, size_t n) {
  int result = buf_append(b, p, n);
  assert(result == 0);
}

void reader_init(struct reader *r, const struct reader_settings *settings) {
  *r = (struct reader){.settings = settings};
  buf_init(&r->events, SIZE_MAX);
  buf_init(&r->replies, SIZE_MAX);
  ws_session_init(&r->session, settings->role, &settings->limits);
  if (!settings->deflate) return;
  ledger_enter(&r->ledger);
  r->codec = ws_codec_new();
  ws_session_compress(&r->session, ws_deflate_new(r->codec, settings->deflate));
  ledger_leave(&r->ledger);
}

void reader_deinit(struct reader *r) {
  assert(!r->has_ended || r->settings->deflate || r->ledger.live == 0);
  ledger_enter(&r->ledger);
  ws_session_deinit(&r->session);
  ws_codec_free(r->codec);
  ledger_leave(&r->ledger);
  assert(r->ledger.live == 0);
  buf_deinit(&r->events);
  buf_deinit(&r->replies);
}

void reader_feed(struct reader *r, const uint8_t *p, size_t n, size_t widest, uint32_t random) {
  while (n > 0) {
    size_t size = input_piece(n, widest, &random);
    feed_piece(r, p, size);
    p += size;
    n -= size;
  }
}

bool reader_equals(const struct reader *a, const struct reader *b) {
  return a->cause == b->cause && span_eq(buf_span(&a->events), buf_span(&b->events)) &&
         span_eq(buf_span(&a->replies), buf_span(&b->replies));
}

struct buf reader_read_replies(const struct reader *r) {
  const struct reader_settings settings = {
      .role = r->settings->role == WS_ROLE_CLIENT ? WS_ROLE_SERVER : WS_ROLE_CLIENT,
      .limits = {0, 1},
  };
  struct reader peer;
  reader_init(&peer, &settings);
  reader_feed(&peer, (const uint8_t *)r->replies.data, r->replies.len, 0, 0);
  assert(peer.cause == NULL && peer.has_ended == r->session.close_sent);
  assert(!ws_session_is_midway(&peer.session));
  struct buf events = peer.events;
  peer.events = (struct buf){0};
  reader_deinit(&peer);
  return events;
}

void reader_record_message(struct buf *events, bool is_binary, struct span payload) {
  reader_record_skipped(events, is_binary, payload.n);
  append(events, payload.p, payload.n);
}

void reader_record_skipped(struct buf *events, bool is_binary, size_t length) {
  const uint8_t head[] = {WS_EVENT_MESSAGE, is_binary};
  append(events, head, sizeof head);
  append(events, &length, sizeof length);
}

void reader_record(struct buf *events, enum ws_event_type type, unsigned code, struct span data) {
  const uint8_t head[] = {(uint8_t)type, (uint8_t)(code >> 8), (uint8_t)code, (uint8_t)data.n};
  append(events, head, sizeof head);
  append(events, data.p, data.n);
}

static void feed_piece(struct reader *r, const uint8_t *p, size_t n) {
  uint8_t *copy = input_copy(p, n);
  struct ws_input in = {copy, n};
  struct ws_event event;
  r->fed += n;
  for (;;) {
    bool is_control = ws_session_is_at_control(&r->session, &in);
    ledger_enter(&r->ledger);
    bool happened = ws_session_next(&r->session, &in, &event);
    ledger_leave(&r->ledger);
    if (!happened) break;
    assert(!is_control || event.type != WS_EVENT_MESSAGE);
    assert(in.n <= n && in.p == copy + n - in.n);
    handle_event(r, &in, &event);
    if (++r->count == r->settings->closes_after && !r->has_ended)
      reply(r, WS_OPCODE_CLOSE, READER_CLOSE_CODE, SPAN(READER_CLOSE_REASON));
  }
  assert(in.n == 0);
  check_memory(r);
  mem_free(copy);
}

static void handle_event(struct reader *r, struct ws_input *in, struct ws_event *event) {
  assert(!r->has_ended);
  if (event->type == WS_EVENT_MESSAGE) {
    handle_message(r, in, event);
    return;
  }
  if (event->type == WS_EVENT_CLOSE || event->type == WS_EVENT_FAIL) {
    handle_end(r, event);
    return;
  }
  assert(event->data.n <= WS_CONTROL_MAX);
  reader_record(&r->events, event->type, 0, event->data);
  reply(r, event->type == WS_EVENT_PING ? WS_OPCODE_PONG : WS_OPCODE_PING, 0, event->data);
}

// Taking a message may end the session: it may turn out not to be text.
static void handle_message(struct reader *r, struct ws_input *in, struct ws_event *event) {
  size_t length = event->length;
  assert(length <= r->settings->limits.max_payload);
  if (r->settings->skips || r->session.close_sent) {
    reader_record_skipped(&r->events, event->is_binary, length);
    ledger_enter(&r->ledger);
    ws_session_skip(&r->session, in);
    ledger_leave(&r->ledger);
    return;
  }
  uint8_t *payload = mem_alloc(length);
  ledger_enter(&r->ledger);
  bool is_good = ws_session_take(&r->session, in, payload, event);
  ledger_leave(&r->ledger);
  if (is_good) {
    assert(event->is_binary || ws_utf8_valid(payload, length));
    reader_record_message(&r->events, event->is_binary, (struct span){(char *)payload, length});
  } else {
    assert(event->type == WS_EVENT_FAIL && event->code == WS_CLOSE_INVALID_PAYLOAD);
    handle_end(r, event);
  }
  mem_free(payload);
}

static void handle_end(struct reader *r, const struct ws_event *event) {
  r->has_ended = true;
  r->ended_at = r->fed;
  struct span reason = {NULL, 0};
  if (event->type == WS_EVENT_FAIL) {
    r->cause = event->cause;
    assert(r->cause[0] != '\0');
    assert(event->code == WS_CLOSE_PROTOCOL_ERROR || event->code == WS_CLOSE_INVALID_PAYLOAD ||
           event->code == WS_CLOSE_POLICY || event->code == WS_CLOSE_TOO_BIG);
  } else {
    reason = event->data;
    assert(reason.n <= WS_CLOSE_REASON_MAX && ws_utf8_valid(reason.p, reason.n));
    assert(event->code == WS_CLOSE_NO_STATUS || ws_close_code_is_valid(event->code));
  }
  reader_record(&r->events, event->type, event->code, reason);
  reply(r, WS_OPCODE_CLOSE, event->code, reason);
  assert(!ws_session_is_midway(&r->session));
  assert(ws_session_is_closed(&r->session) == (event->type == WS_EVENT_CLOSE));
}

// A pong is answered by a ping, so that pings are written, too.
static void reply(struct reader *r, enum ws_opcode opcode, unsigned code, struct span data) {
  static const uint8_t masking[4] = {0x37, 0xfa, 0x21, 0x3d};
  const uint8_t *key = r->settings->role == WS_ROLE_CLIENT ? masking : NULL;
  uint8_t out[WS_CONTROL_FRAME_MAX];
  bool was_sent = r->session.close_sent;
  size_t size = 0;
  if (opcode == WS_OPCODE_PING) size = ws_session_ping(&r->session, out, data, key);
  if (opcode == WS_OPCODE_PONG) size = ws_session_pong(&r->session, out, data, key);
  if (opcode == WS_OPCODE_CLOSE) size = ws_session_close(&r->session, out, code, data, key);
  assert(size <= sizeof out && (size == 0) == was_sent);
  append(&r->replies, out, size);
  if (opcode == WS_OPCODE_CLOSE) {
    assert(ws_session_pong(&r->session, out, data, key) == 0);
    assert(ws_session_close(&r->session, out, code, data, key) == 0);
  }
}

// What is kept follows what has come, never what was announced: buffers double, and growing takes
// both sizes for a moment. Between messages nothing is kept, but for what compressing needs.
static void check_memory(const struct reader *r) {
  const struct ws_session *s = &r->session;
  bool is_midway = ws_session_is_midway(s), is_packed = r->settings->deflate != NULL;
  if (!is_midway) assert(s->midway == NULL);
  size_t come = 64 + 2 * r->fed * (is_packed ? INFLATED_MOST : 1);
  uint64_t limit = r->settings->limits.max_payload;
  size_t most = sizeof(struct ws_midway) + (limit < come ? (size_t)limit : come);
  if (is_packed) most = 2 * most + CODEC_MOST; // with the codec's scratch
  assert(r->ledger.peak <= 2 * most);
  assert(r->ledger.live <= (is_midway || is_packed ? most : 0));
  if (s->compresses) assert(ws_deflate_held(ws_session_deflate(s)) <= most);
}
