// See judge.h.

#include "support/judge.h"

#include <assert.h>
#include "support/input.h"
#include "support/plain.h"
#include "ws/inflate.h"

#define FIN 0x80

static unsigned judge_first(const struct judge *j, uint8_t first);
static unsigned judge_length(const struct judge *j, const struct frame *f, size_t start,
                             size_t *at);
static void judge_control(struct judge *j, const struct frame *f, size_t end);
static void judge_data(struct judge *j, const struct frame *f, size_t end);

void judge_init(struct judge *j, const struct reader_settings *settings) {
  *j = (struct judge){.settings = settings};
  buf_init(&j->events, SIZE_MAX);
  buf_init(&j->answers, SIZE_MAX);
  buf_init(&j->message, SIZE_MAX);
  if (settings->deflate) unzipper_init(&j->unzipper);
}

void judge_deinit(struct judge *j) {
  buf_deinit(&j->events);
  buf_deinit(&j->answers);
  buf_deinit(&j->message);
  if (j->settings->deflate) unzipper_deinit(&j->unzipper);
}

// What the session answers, unless it has sent a close frame.
static void answer(struct judge *j, enum ws_event_type type, unsigned code, struct span data) {
  if (!j->has_closed) reader_record(&j->answers, type, code, data);
}

static void count_event(struct judge *j) {
  if (++j->count != j->settings->closes_after) return;
  answer(j, WS_EVENT_CLOSE, READER_CLOSE_CODE, SPAN(READER_CLOSE_REASON));
  j->has_closed = true;
}

static void end_session(struct judge *j, enum ws_event_type type, unsigned code, struct span reason,
                        size_t at) {
  reader_record(&j->events, type, code, reason);
  answer(j, WS_EVENT_CLOSE, code, reason);
  j->ended_at = at;
  j->is_midway = false;
}

static void fail(struct judge *j, unsigned code, size_t at) {
  end_session(j, WS_EVENT_FAIL, code, SPAN(""), at);
}

void judge_frame(struct judge *j, const struct frame *f, size_t start, size_t end) {
  if (j->ended_at > 0) return;
  unsigned code = judge_first(j, f->first);
  if (code != 0) {
    fail(j, code, start + 1);
    return;
  }
  bool is_control = (f->first & 8) != 0;
  bool must_mask = j->settings->role == WS_ROLE_SERVER;
  bool has_long_length = f->form != LENGTH_MINIMAL || f->length > 125;
  if (f->is_masked != must_mask || (is_control && has_long_length)) {
    fail(j, 1002, start + 2);
    return;
  }
  size_t at = 0;
  if (!is_control) code = judge_length(j, f, start, &at);
  if (code != 0)
    fail(j, code, at);
  else if (is_control)
    judge_control(j, f, end);
  else
    judge_data(j, f, end);
  if (j->ended_at == 0) j->is_midway = f->n < f->length || j->opcode != 0;
}

// Whether the data frame belongs to a compressed message.
static bool is_of_packed(const struct judge *j, const struct frame *f) {
  return j->opcode != 0 ? j->is_packed : (f->first & 0x40) != 0;
}

// What the first byte shows. 0, or the code.
static unsigned judge_first(const struct judge *j, uint8_t first) {
  uint8_t opcode = first & 15;
  bool may_be_packed = j->settings->deflate && (opcode == 1 || opcode == 2);
  if ((first & 0x70 & (may_be_packed ? 0x30 : 0x70)) != 0) return 1002;
  if (opcode >= 8) return opcode <= 10 && (first & FIN) != 0 ? 0 : 1002;
  if (opcode > 2 || (opcode == 0) != (j->opcode != 0)) return 1002;
  return j->fragments == j->settings->limits.max_fragments ? 1008 : 0;
}

// The length, of a data frame that begins at `start`. 0, or the code; *at: where it shows.
static unsigned judge_length(const struct judge *j, const struct frame *f, size_t start,
                             size_t *at) {
  uint64_t most = j->settings->limits.max_payload;
  if (is_of_packed(j, f)) most = ws_inflate_limit(most);
  bool is_short = f->form == LENGTH_MINIMAL && f->length <= 125;
  bool is_long = f->form == LENGTH_IN_64 || f->length > UINT16_MAX;
  *at = start + (is_short ? 2 : is_long ? 10 : 4);
  if (is_long && f->length >> 63 != 0) return *at = start + 3, 1002;
  if (is_long && f->length <= UINT16_MAX) return *at = start + 8, 1002;
  if (!is_short && f->length <= 125) return 1002;
  return f->length > most - j->received ? 1009 : 0;
}

static void judge_control(struct judge *j, const struct frame *f, size_t end) {
  uint8_t opcode = f->first & 15;
  struct span body = {(char *)f->payload, f->n};
  if (f->n < f->length) return;
  if (opcode != WS_OPCODE_CLOSE) {
    bool is_ping = opcode == WS_OPCODE_PING;
    reader_record(&j->events, is_ping ? WS_EVENT_PING : WS_EVENT_PONG, 0, body);
    answer(j, is_ping ? WS_EVENT_PONG : WS_EVENT_PING, 0, body);
    count_event(j);
    return;
  }
  if (f->n == 0) {
    end_session(j, WS_EVENT_CLOSE, WS_CLOSE_NO_STATUS, body, end);
    return;
  }
  unsigned code = f->n == 1 ? 0 : (unsigned)f->payload[0] << 8 | f->payload[1];
  bool is_registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!is_registered && (code < 3000 || code > 4999)) {
    fail(j, 1002, end);
    return;
  }
  bool is_complete;
  body = (struct span){body.p + 2, body.n - 2};
  size_t good = plain_utf8(f->payload + 2, body.n, &is_complete);
  if (good < body.n || !is_complete)
    fail(j, 1007, end);
  else
    end_session(j, WS_EVENT_CLOSE, code, body, end);
}

// A byte of the message itself, inflated if it was compressed. 0, or the code.
UNWATCHED static unsigned take_byte(struct judge *j, uint8_t byte) {
  if (j->message.len == j->settings->limits.max_payload) return 1009;
  int result = buf_append(&j->message, &byte, 1);
  assert(result == 0);
  if (j->opcode != WS_OPCODE_TEXT) return 0;
  const uint8_t *from = (uint8_t *)j->message.data + j->text;
  size_t n = j->message.len - j->text;
  bool is_complete;
  if (plain_utf8(from, n, &is_complete) < n) return 1007;
  if (is_complete) j->text = j->message.len;
  return 0;
}

// A byte of the payload.
UNWATCHED static unsigned take_payload(struct judge *j, uint8_t byte) {
  if (!j->is_packed) return take_byte(j, byte);
  unsigned code = 0;
  unzipper_give(&j->unzipper, byte);
  while (code == 0) {
    enum unzipped what = unzipper_next(&j->unzipper, &byte);
    if (what == UNZIPPED_NONE) return 0;
    code = what == UNZIPPED_BAD ? 1007 : take_byte(j, byte);
  }
  return code;
}

// The bytes that each message has at its end, and that the sender has taken away.
static unsigned finish_packed(struct judge *j) {
  static const uint8_t tail[] = {0, 0, 0xff, 0xff};
  if (j->unzipper.has_ended) return 0;
  for (size_t i = 0; i < sizeof tail; i++) {
    unsigned code = take_payload(j, tail[i]);
    if (code != 0) return code;
  }
  return unzipper_is_done(&j->unzipper) ? 0 : 1007;
}

static void begin_message(struct judge *j, const struct frame *f) {
  j->is_packed = is_of_packed(j, f);
  j->opcode = f->first & 15;
  const struct ws_deflate_params *p = j->settings->deflate;
  if (j->is_packed) unzipper_begin(&j->unzipper, p->in_takeover ? (size_t)1 << p->in_bits : 0);
}

static void finish_message(struct judge *j) {
  if (j->settings->skips || j->has_closed)
    reader_record_skipped(&j->events, j->opcode == WS_OPCODE_BINARY, j->message.len);
  else
    reader_record_message(&j->events, j->opcode == WS_OPCODE_BINARY, buf_span(&j->message));
  count_event(j);
  j->message.len = j->text = 0;
  j->received = j->fragments = j->opcode = 0;
}

static void judge_data(struct judge *j, const struct frame *f, size_t end) {
  if (j->opcode == 0) begin_message(j, f);
  j->fragments++;
  j->received += f->n;
  for (size_t i = 0; i < f->n; i++) {
    unsigned code = take_payload(j, f->payload[i]);
    if (code != 0) {
      fail(j, code, end - f->n + i + 1);
      return;
    }
  }
  if (f->n < f->length || (f->first & FIN) == 0) return;
  unsigned code = j->is_packed ? finish_packed(j) : 0;
  if (code == 0 && j->opcode == WS_OPCODE_TEXT && j->text < j->message.len) code = 1007;
  if (code != 0)
    fail(j, code, end);
  else
    finish_message(j);
}
