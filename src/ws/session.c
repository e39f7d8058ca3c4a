// The frame reader of both roles, and the writer of control frames. Runs on the thread that owns
// the connection.
//
// A frame's header is gathered and judged, then its payload goes one of three ways: data frames
// into the message in progress, as they are or inflated, control frames straight into an event.
// Payload bytes leave the input in one place, unmask; what the reserved bits may say is
// decided in one place, judge_first_byte.

#include "ws/session.h"

#include <assert.h>
#include <string.h>
#include "base/mem.h"
#include "ws/inflate.h"
#include "ws/mask.h"

// What the next byte of input is.
enum phase {
  PHASE_HEADER,
  PHASE_DATA,    // of a data frame's payload
  PHASE_CONTROL, // of a control frame's payload
  PHASE_MESSAGE, // of the payload whose message was announced and not taken yet
  PHASE_ENDED,   // of nothing: a close frame or a failure came before it
};

// A way to break the protocol or a limit.
struct fault {
  unsigned code;
  const char *cause;
};

enum { CLEAR_SIZE = 4096 }; // compressed bytes that are unmasked at a time

#define FAULT(name, code, cause) static const struct fault name = {code, cause}

FAULT(bad_reserved_bits, WS_CLOSE_PROTOCOL_ERROR, "reserved bits are set in a frame");
FAULT(bad_opcode, WS_CLOSE_PROTOCOL_ERROR, "a frame has a reserved opcode");
FAULT(bad_control_fin, WS_CLOSE_PROTOCOL_ERROR, "a control frame is fragmented");
FAULT(bad_control_length, WS_CLOSE_PROTOCOL_ERROR, "a control frame has more than 125 bytes");
FAULT(bad_continuation, WS_CLOSE_PROTOCOL_ERROR, "a continuation frame has nothing to continue");
FAULT(bad_interruption, WS_CLOSE_PROTOCOL_ERROR, "a message begins inside a fragmented message");
FAULT(bad_unmasked, WS_CLOSE_PROTOCOL_ERROR, "a client's frame is not masked");
FAULT(bad_masked, WS_CLOSE_PROTOCOL_ERROR, "a server's frame is masked");
FAULT(bad_length, WS_CLOSE_PROTOCOL_ERROR, "a frame's length is not minimal or over 63 bits");
FAULT(bad_close_body, WS_CLOSE_PROTOCOL_ERROR, "a close frame has no valid code");
FAULT(bad_close_reason, WS_CLOSE_INVALID_PAYLOAD, "a close frame's reason is not UTF-8");
FAULT(bad_deflate, WS_CLOSE_INVALID_PAYLOAD, "a compressed message is corrupt");
FAULT(bad_text, WS_CLOSE_INVALID_PAYLOAD, "a text message is not UTF-8");
FAULT(too_many_fragments, WS_CLOSE_POLICY, "a message has too many fragments");
FAULT(too_big, WS_CLOSE_TOO_BIG, "a message is too big");

static inline bool next_frame(struct ws_session *s, struct ws_input *in, struct ws_event *event);
static int gather_header(struct ws_session *s, struct ws_input *in, struct ws_frame_header *h);
static const struct fault *judge_header(const struct ws_session *s, const struct ws_frame_header *h,
                                        int parsed);
static uint64_t room_for(const struct ws_session *s, const struct ws_frame_header *h);
static const struct fault *judge_first_byte(const struct ws_session *s,
                                            const struct ws_frame_header *h);
static bool may_have(const struct ws_session *s, const struct ws_frame_header *h);
static void start_frame(struct ws_session *s, const struct ws_frame_header *h);
static inline bool continue_data(struct ws_session *s, struct ws_input *in, struct ws_event *event);
static bool continue_compressed(struct ws_session *s, struct ws_input *in, struct ws_event *event);
static const struct fault *inflate_payload(struct ws_session *s, struct ws_input *in, size_t n,
                                           bool is_last, size_t *length);
static bool continue_control(struct ws_session *s, struct ws_input *in, struct ws_event *event);
static bool announce_control(struct ws_session *s, struct ws_event *event, size_t length);
static void announce_message(struct ws_session *s, struct ws_event *event, size_t length);
static bool unmask(struct ws_session *s, struct ws_input *in, uint8_t *dst, size_t n);
static bool read_payload(struct ws_session *s, struct ws_input *in, uint8_t *dst, size_t n);
static void finish_message(struct ws_session *s);
static void end(struct ws_session *s);
static void fail(struct ws_session *s, struct ws_event *event, const struct fault *fault);
static size_t write_control(const struct ws_session *s, uint8_t *out, enum ws_opcode opcode,
                            struct span data, const uint8_t *key);

static bool is_control(uint8_t opcode) {
  return (opcode & 8) != 0;
}

static void consume(struct ws_input *in, size_t n) {
  in->p += n;
  in->n -= n;
}

static struct ws_midway *need_midway(struct ws_session *s) {
  if (s->midway) return s->midway;
  uint64_t max = s->limits->max_payload;
  s->midway = mem_zalloc(sizeof *s->midway);
  buf_init(&s->midway->partial, max < SIZE_MAX ? (size_t)max : SIZE_MAX);
  return s->midway;
}

static void free_midway(struct ws_session *s) {
  if (!s->midway) return;
  buf_deinit(&s->midway->partial);
  mem_free(s->midway);
  s->midway = NULL;
}

static void free_midway_if_empty(struct ws_session *s) {
  const struct ws_midway *m = s->midway;
  if (m && !m->partial.data && m->control_len == 0 && m->head_len == 0) free_midway(s);
}

// Bytes of the message in progress that have been kept, unless it is compressed.
static size_t kept_length(const struct ws_session *s) {
  return s->midway ? s->midway->partial.len : 0;
}

void ws_session_init(struct ws_session *s, enum ws_role role, const struct ws_limits *limits) {
  *s = (struct ws_session){.limits = limits, .role = (uint8_t)role, .phase = PHASE_HEADER};
}

void ws_session_deinit(struct ws_session *s) {
  end(s);
  if (s->compresses) ws_deflate_free(ws_session_deflate(s));
  s->compresses = false;
  s->limits = NULL;
}

void ws_session_compress(struct ws_session *s, struct ws_deflate *d) {
  assert(s->phase == PHASE_HEADER && !s->compresses && !s->midway);
  d->limits = *s->limits;
  s->limits = &d->limits;
  s->compresses = true;
}

void ws_session_change_limits(struct ws_session *s, const struct ws_limits *limits) {
  uint64_t max = limits->max_payload;
  if (s->compresses) ws_session_deflate(s)->limits = *limits;
  if (s->midway && s->midway->partial.max < max)
    s->midway->partial.max = max < SIZE_MAX ? (size_t)max : SIZE_MAX;
}

// inline: the reactor's calls are to be one function with these, whoever else calls them
// (peer.c does, for tests).
inline bool ws_session_next(struct ws_session *s, struct ws_input *in, struct ws_event *event) {
  assert(s->phase != PHASE_MESSAGE);
  while (in->n > 0) {
    bool happened = false;
    switch ((enum phase)s->phase) {
    case PHASE_HEADER: happened = next_frame(s, in, event); break;
    case PHASE_DATA: happened = continue_data(s, in, event); break;
    case PHASE_CONTROL: happened = continue_control(s, in, event); break;
    case PHASE_MESSAGE:
    case PHASE_ENDED: consume(in, in->n); break;
    }
    if (happened) return true;
  }
  return false;
}

// Moves the message that was announced to `dst`. False: it isn't text.
static inline bool move_message(struct ws_session *s, struct ws_input *in, uint8_t *dst,
                                size_t length) {
  if (s->is_compressed) {
    if (length > 0) memcpy(dst, ws_session_deflate(s)->into->data, length);
    return true;
  }
  size_t kept = kept_length(s);
  if (kept > 0) memcpy(dst, s->midway->partial.data, kept);
  return read_payload(s, in, s->left > 0 ? dst + kept : NULL, (size_t)s->left) &&
         ws_utf8_is_complete(&s->utf8);
}

inline bool ws_session_take(struct ws_session *s, struct ws_input *in, uint8_t *dst,
                            struct ws_event *event) {
  assert(s->phase == PHASE_MESSAGE && in->n >= s->left);
  if (!move_message(s, in, dst, event->length)) {
    fail(s, event, &bad_text);
    return false;
  }
  finish_message(s);
  return true;
}

void ws_session_skip(struct ws_session *s, struct ws_input *in) {
  assert(s->phase == PHASE_MESSAGE && in->n >= s->left);
  if (s->left > 0) consume(in, (size_t)s->left);
  finish_message(s);
}

size_t ws_session_ping(struct ws_session *s, uint8_t *out, struct span data, const uint8_t *key) {
  return write_control(s, out, WS_OPCODE_PING, data, key);
}

size_t ws_session_pong(struct ws_session *s, uint8_t *out, struct span data, const uint8_t *key) {
  return write_control(s, out, WS_OPCODE_PONG, data, key);
}

size_t ws_session_close(struct ws_session *s, uint8_t *out, unsigned code, struct span reason,
                        const uint8_t *key) {
  uint8_t body[WS_CONTROL_MAX];
  size_t n = ws_close_write(body, code, reason);
  size_t size = write_control(s, out, WS_OPCODE_CLOSE, (struct span){(char *)body, n}, key);
  s->close_sent = true;
  return size;
}

bool ws_session_is_at_control(const struct ws_session *s, const struct ws_input *in) {
  if (s->phase != PHASE_HEADER || in->n == 0) return false;
  if (s->midway && s->midway->head_len > 0) return false;
  return is_control(in->p[0] & 0x0f);
}

bool ws_session_is_midway(const struct ws_session *s) {
  if (s->phase == PHASE_ENDED) return false;
  return s->phase != PHASE_HEADER || s->midway != NULL || s->message_opcode != 0;
}

// Reads a header, and as much of the payload as there is: a frame without payload must not wait
// for the input to go on.
static inline bool next_frame(struct ws_session *s, struct ws_input *in, struct ws_event *event) {
  struct ws_frame_header h;
  int parsed = gather_header(s, in, &h);
  const struct fault *fault = judge_header(s, &h, parsed);
  if (fault != NULL) {
    fail(s, event, fault);
    return true;
  }
  if (parsed != 0) return false;
  start_frame(s, &h);
  return is_control(h.opcode) ? continue_control(s, in, event) : continue_data(s, in, event);
}

// Takes a header out of the input, or what there is of it into `head`. Returns what
// ws_frame_parse says of all the bytes that have come.
static int gather_header(struct ws_session *s, struct ws_input *in, struct ws_frame_header *h) {
  if (!s->midway || s->midway->head_len == 0) {
    int parsed = ws_frame_parse(in->p, in->n, h);
    if (parsed == 0) consume(in, h->size);
    if (parsed <= 0) return parsed;
  }
  struct ws_midway *m = need_midway(s);
  int parsed;
  while ((parsed = ws_frame_parse(m->head, m->head_len, h)) > 0 && in->n > 0) {
    size_t n = in->n < (size_t)parsed ? in->n : (size_t)parsed;
    memcpy(m->head + m->head_len, in->p, n);
    m->head_len = (uint8_t)(m->head_len + n);
    consume(in, n);
  }
  if (parsed != 0) return parsed;
  m->head_len = 0;
  free_midway_if_empty(s);
  return 0;
}

// Judges what is known of a header in the order of its bytes, so that the outcome does not depend
// on how the input was cut.
static const struct fault *judge_header(const struct ws_session *s, const struct ws_frame_header *h,
                                        int parsed) {
  const struct fault *fault = judge_first_byte(s, h);
  if (fault != NULL || h->size == 0) return fault;
  if (s->role == WS_ROLE_SERVER && !h->masked) return &bad_unmasked;
  if (s->role == WS_ROLE_CLIENT && h->masked) return &bad_masked;
  bool has_long_length = h->size != ws_frame_header_size(0, h->masked);
  if (is_control(h->opcode)) return has_long_length ? &bad_control_length : NULL;
  if (parsed < 0) return &bad_length;
  // While bytes of the length are missing it reads as 0.
  return h->length > room_for(s, h) ? &too_big : NULL;
}

// How long a data frame's payload may be, by the ceiling and what has come before it. That of a
// compressed one tells little: what comes out of it is looked at when it does.
static uint64_t room_for(const struct ws_session *s, const struct ws_frame_header *h) {
  uint64_t max = s->limits->max_payload;
  bool is_compressed = h->rsv != 0 || s->is_compressed;
  uint64_t most = is_compressed ? ws_inflate_limit(max) : max;
  uint64_t had = is_compressed ? ws_session_deflate(s)->received : kept_length(s);
  return most > had ? most - had : 0; // the limits may have been lowered meanwhile
}

static const struct fault *judge_first_byte(const struct ws_session *s,
                                            const struct ws_frame_header *h) {
  if (h->rsv != 0 && !may_have(s, h)) return &bad_reserved_bits;
  if (is_control(h->opcode)) {
    if (h->opcode > WS_OPCODE_PONG) return &bad_opcode;
    return h->fin ? NULL : &bad_control_fin;
  }
  if (h->opcode > WS_OPCODE_BINARY) return &bad_opcode;
  bool is_continuation = h->opcode == WS_OPCODE_CONTINUATION;
  if (is_continuation && s->message_opcode == 0) return &bad_continuation;
  if (!is_continuation && s->message_opcode != 0) return &bad_interruption;
  return s->fragments >= s->limits->max_fragments ? &too_many_fragments : NULL;
}

// Of the reserved bits RSV1 alone has a meaning, on a message's first frame: it is compressed (RFC
// 7692 section 6).
static bool may_have(const struct ws_session *s, const struct ws_frame_header *h) {
  return s->compresses && h->rsv == 4 &&
         (h->opcode == WS_OPCODE_TEXT || h->opcode == WS_OPCODE_BINARY);
}

static void start_frame(struct ws_session *s, const struct ws_frame_header *h) {
  s->left = h->length;
  s->opcode = h->opcode;
  s->fin = h->fin;
  s->turn = 0;
  memcpy(s->key, h->key, sizeof s->key);
  if (is_control(h->opcode)) {
    s->phase = PHASE_CONTROL;
    return;
  }
  s->phase = PHASE_DATA;
  s->fragments++;
  if (h->opcode == WS_OPCODE_CONTINUATION) return;
  s->message_opcode = h->opcode;
  if (h->rsv != 0) s->is_compressed = true;
}

// The bytes that end a message stay in the input until it is taken: what never was incomplete is
// never kept.
static inline bool continue_data(struct ws_session *s, struct ws_input *in,
                                 struct ws_event *event) {
  if (s->is_compressed) return continue_compressed(s, in, event);
  if (s->fin && in->n >= s->left) {
    announce_message(s, event, kept_length(s) + (size_t)s->left);
    return true;
  }
  size_t n = in->n < s->left ? in->n : (size_t)s->left;
  if (n > 0) {
    // The header was judged by the same ceiling.
    struct buf *partial = &need_midway(s)->partial;
    char *to = buf_reserve(partial, n);
    assert(to != NULL);
    partial->len += n;
    if (!read_payload(s, in, (uint8_t *)to, n)) {
      fail(s, event, &bad_text);
      return true;
    }
  }
  if (s->left == 0) s->phase = PHASE_HEADER;
  return false;
}

static void announce_message(struct ws_session *s, struct ws_event *event, size_t length) {
  event->type = WS_EVENT_MESSAGE;
  event->is_binary = s->message_opcode == WS_OPCODE_BINARY;
  event->length = length;
  s->phase = PHASE_MESSAGE;
}

static bool continue_compressed(struct ws_session *s, struct ws_input *in, struct ws_event *event) {
  size_t n = in->n < s->left ? in->n : (size_t)s->left, length = 0;
  bool is_last = s->fin && n == s->left;
  const struct fault *fault = inflate_payload(s, in, n, is_last, &length);
  if (fault != NULL) {
    fail(s, event, fault);
    return true;
  }
  if (is_last)
    announce_message(s, event, length);
  else if (s->left == 0)
    s->phase = PHASE_HEADER;
  return is_last;
}

static const struct fault *fault_of(int result) {
  if (result == ERR_TOO_BIG) return &too_big;
  return result == ERR_INFLATE_UTF8 ? &bad_text : &bad_deflate;
}

// Takes `n` bytes of a compressed message. `is_last`: *length is that of what it has become.
static const struct fault *inflate_payload(struct ws_session *s, struct ws_input *in, size_t n,
                                           bool is_last, size_t *length) {
  struct ws_inflate_rules rules = {
      .max_payload = s->limits->max_payload,
      .text = s->message_opcode == WS_OPCODE_TEXT ? &s->utf8 : NULL,
  };
  uint8_t clear[CLEAR_SIZE];
  int result = 0;
  ws_inflate_expect(ws_session_deflate(s), &rules, n, is_last);
  while (n > 0 && result == 0) {
    size_t part = n < sizeof clear ? n : sizeof clear;
    unmask(s, in, clear, part);
    result = ws_inflate_feed(ws_session_deflate(s), &rules, clear, part);
    n -= part;
  }
  struct span message = {NULL, 0};
  if (is_last && result == 0) result = ws_inflate_end(ws_session_deflate(s), &rules, &message);
  *length = message.n;
  return result == 0 ? NULL : fault_of(result);
}

static bool continue_control(struct ws_session *s, struct ws_input *in, struct ws_event *event) {
  if (in->n < s->left) {
    if (in->n == 0) return false;
    struct ws_midway *m = need_midway(s);
    size_t n = in->n;
    read_payload(s, in, m->control + m->control_len, n);
    m->control_len = (uint8_t)(m->control_len + n);
    return false;
  }
  size_t kept = s->midway ? s->midway->control_len : 0;
  size_t length = kept + (size_t)s->left;
  if (kept > 0) {
    memcpy(event->control, s->midway->control, kept);
    s->midway->control_len = 0;
    free_midway_if_empty(s);
  }
  read_payload(s, in, event->control + kept, (size_t)s->left);
  s->phase = PHASE_HEADER;
  return announce_control(s, event, length);
}

// event->control holds the payload. Always true: something has happened.
static bool announce_control(struct ws_session *s, struct ws_event *event, size_t length) {
  event->data = (struct span){(const char *)event->control, length};
  if (s->opcode != WS_OPCODE_CLOSE) {
    event->type = s->opcode == WS_OPCODE_PING ? WS_EVENT_PING : WS_EVENT_PONG;
    return true;
  }
  int result = ws_close_parse(event->control, length, &event->code, &event->data);
  if (result != 0) {
    fail(s, event, result == ERR_CLOSE_REASON_UTF8 ? &bad_close_reason : &bad_close_body);
    return true;
  }
  event->type = WS_EVENT_CLOSE;
  s->close_received = true;
  end(s);
  return true;
}

// Moves the next `n` payload bytes from the input to `dst`, unmasked. Returns whether they are
// known to be ASCII.
static bool unmask(struct ws_session *s, struct ws_input *in, uint8_t *dst, size_t n) {
  bool is_ascii = false;
  if (s->role == WS_ROLE_SERVER) {
    is_ascii = ws_mask_copy(dst, in->p, n, s->key, s->turn);
    s->turn = (s->turn + n) & 3;
  } else {
    memcpy(dst, in->p, n);
  }
  consume(in, n);
  s->left -= n;
  return is_ascii;
}

// The same for what isn't compressed. False when the bytes make the text in progress invalid.
static bool read_payload(struct ws_session *s, struct ws_input *in, uint8_t *dst, size_t n) {
  if (n == 0) return true;
  bool is_ascii = unmask(s, in, dst, n);
  if (is_control(s->opcode) || s->message_opcode != WS_OPCODE_TEXT) return true;
  if (is_ascii && ws_utf8_is_complete(&s->utf8)) return true;
  return ws_utf8_feed(&s->utf8, dst, n);
}

static void finish_message(struct ws_session *s) {
  free_midway(s); // a header or control frame that waited would stand before the message's end
  if (s->is_compressed) {
    ws_inflate_drop(ws_session_deflate(s));
    s->is_compressed = false;
  }
  s->message_opcode = 0;
  s->fragments = 0;
  s->utf8 = (struct ws_utf8){0};
  s->phase = PHASE_HEADER;
}

static void end(struct ws_session *s) {
  free_midway(s);
  if (s->compresses) ws_inflate_stop(ws_session_deflate(s));
  s->phase = PHASE_ENDED;
}

static void fail(struct ws_session *s, struct ws_event *event, const struct fault *fault) {
  event->type = WS_EVENT_FAIL;
  event->code = fault->code;
  event->cause = fault->cause;
  end(s);
}

static size_t write_control(const struct ws_session *s, uint8_t *out, enum ws_opcode opcode,
                            struct span data, const uint8_t *key) {
  assert(data.n <= WS_CONTROL_MAX && (key != NULL) == (s->role == WS_ROLE_CLIENT));
  if (s->close_sent) return 0;
  size_t size = ws_frame_write(out, opcode, true, false, data.n, key);
  if (data.n == 0) return size;
  if (key != NULL) {
    ws_mask_copy(out + size, (const uint8_t *)data.p, data.n, key, 0);
  } else {
    memcpy(out + size, data.p, data.n);
  }
  return size + data.n;
}
