// See script.h. A frame is chosen, written, and judged in the order of its bytes: what is wrong
// first ends the session, and where it shows is part of what must come.

#include "support/script.h"

#include <assert.h>
#include <string.h>
#include "base/mem.h"
#include "support/plain.h"
#include "ws/mask.h"

enum length_form { LENGTH_MINIMAL, LENGTH_IN_16, LENGTH_IN_64 };

struct frame {
  uint8_t first; // byte of the header: FIN, the reserved bits, the opcode
  bool is_masked;
  enum length_form form;
  uint64_t length; // as the header says
  uint8_t key[4];
  uint8_t *payload;
  size_t n; // bytes of it on the wire; less than `length`: the wire ends here
};

// How a frame is chosen: the lower half of its first byte.
enum choice {
  CHOICE_TEXT,
  CHOICE_BINARY,
  CHOICE_TEXT_BEGINS,
  CHOICE_BINARY_BEGINS,
  CHOICE_CONTINUES,
  CHOICE_ENDS,
  CHOICE_PING,
  CHOICE_PONG,
  CHOICE_CLOSE_RAW,    // its body as it comes
  CHOICE_CLOSE,        // with a good code
  CHOICE_FIRST_BYTE,   // any
  CHOICE_MASKED_WRONG, // masked where it must not be, or the other way round
  CHOICE_LONG_16,      // its length in more bytes than it needs
  CHOICE_LONG_64,
  CHOICE_CUT,  // the wire ends in it
  CHOICE_HUGE, // announces far more than ever comes
};

#define FIN      0x80
#define LONG_MAX 100000 // of a wire: more bytes take too long

static void choose_frame(struct frame *f, struct input *in, const struct script *s);
static void choose_payload(struct frame *f, struct input *in, unsigned size);
static void write_frame(struct script *s, const struct frame *f);
static bool judge_frame(struct script *s, const struct frame *f, size_t start);

static void append(struct buf *b, const void *p, size_t n) {
  int result = buf_append(b, p, n);
  assert(result == 0);
}

void script_init(struct script *s, const struct reader_settings *settings, struct input *in) {
  *s = (struct script){.settings = settings};
  buf_init(&s->wire, SIZE_MAX);
  buf_init(&s->events, SIZE_MAX);
  buf_init(&s->answers, SIZE_MAX);
  buf_init(&s->message, SIZE_MAX);
  bool goes_on = true, is_whole = true;
  while (in->n > 0 && is_whole) {
    struct frame f;
    choose_frame(&f, in, s);
    size_t start = s->wire.len;
    write_frame(s, &f);
    is_whole = f.n == f.length;
    // Frames behind the end are written all the same: nothing may come of them.
    if (goes_on) goes_on = judge_frame(s, &f, start);
    mem_free(f.payload);
  }
  s->is_midway = goes_on && (!is_whole || s->opcode != 0);
}

void script_deinit(struct script *s) {
  buf_deinit(&s->wire);
  buf_deinit(&s->events);
  buf_deinit(&s->answers);
  buf_deinit(&s->message);
}

// Choosing ----------------------------------------------------------------------------------------

static void choose_frame(struct frame *f, struct input *in, const struct script *s) {
  static const uint8_t firsts[] = {
      FIN | WS_OPCODE_TEXT,  FIN | WS_OPCODE_BINARY, WS_OPCODE_TEXT,
      WS_OPCODE_BINARY,      WS_OPCODE_CONTINUATION, FIN | WS_OPCODE_CONTINUATION,
      FIN | WS_OPCODE_PING,  FIN | WS_OPCODE_PONG,   FIN | WS_OPCODE_CLOSE,
      FIN | WS_OPCODE_CLOSE,
  };
  uint8_t choice = input_byte(in);
  enum choice what = choice & 15;
  *f = (struct frame){.is_masked = s->settings->role == WS_ROLE_SERVER};
  f->first = what < CHOICE_FIRST_BYTE ? firsts[what] : input_byte(in);
  bool is_text = (f->first & 0x0f) == WS_OPCODE_TEXT;
  if (is_text && s->settings->skips) f->first ^= WS_OPCODE_TEXT ^ WS_OPCODE_BINARY;
  f->key[0] = f->key[2] = (uint8_t)(choice * 31);
  f->key[1] = f->key[3] = (uint8_t)(choice * 57);
  if (what == CHOICE_MASKED_WRONG) f->is_masked = !f->is_masked;
  if (what == CHOICE_LONG_16) f->form = LENGTH_IN_16;
  if (what == CHOICE_LONG_64) f->form = LENGTH_IN_64;
  choose_payload(f, in, s->wire.len < LONG_MAX ? choice >> 4 : choice >> 4 & 7);
  if (what == CHOICE_CLOSE && f->n >= 2) {
    static const unsigned codes[] = {1000, 1001, 1003, 1007, 1014, 3000, 4999};
    unsigned code = codes[f->payload[0] % 7];
    f->payload[0] = (uint8_t)(code >> 8);
    f->payload[1] = (uint8_t)code;
  }
  if (what == CHOICE_CUT && f->n > 0) f->n = input_byte(in) % f->n;
  if (what == CHOICE_HUGE) f->length = UINT64_MAX >> (input_byte(in) & 63);
  if (f->length < f->n) f->n = (size_t)f->length;
  // Each form holds so much.
  if (f->form == LENGTH_IN_16 && f->length > UINT16_MAX) f->form = LENGTH_MINIMAL;
}

// `size`: up to 9 bytes, or how many: at the borders of the lengths' forms. What the input lacks is
// repeated.
static void choose_payload(struct frame *f, struct input *in, unsigned size) {
  size_t n = size;
  if (size == 10) n = input_byte(in);
  if (size >= 11 && size <= 13) n = 125 + size - 11;
  if (size >= 14) n = UINT16_MAX + size - 14;
  struct input part = input_take(in, n < 256 ? n : 32);
  f->payload = mem_zalloc(n);
  for (size_t i = 0; i < n && part.n > 0; i++)
    f->payload[i] = part.p[i % part.n];
  f->length = f->n = n;
}

// Writing -----------------------------------------------------------------------------------------

// By the writer of src/ws where it would write that.
static size_t write_header(const struct frame *f, uint8_t *out) {
  const uint8_t *key = f->is_masked ? f->key : NULL;
  if (f->form == LENGTH_MINIMAL && f->length >> 63 == 0 && (f->first & 0x30) == 0)
    return ws_frame_write(out, (enum ws_opcode)(f->first & 15), (f->first & FIN) != 0,
                          (f->first & 0x40) != 0, f->length, key);
  enum length_form form = f->form;
  if (form == LENGTH_MINIMAL && f->length > 125)
    form = f->length <= UINT16_MAX ? LENGTH_IN_16 : LENGTH_IN_64;
  size_t n = form == LENGTH_IN_64 ? 8 : form == LENGTH_IN_16 ? 2 : 0;
  out[0] = f->first;
  out[1] = (uint8_t)(n == 8 ? 127 : n == 2 ? 126 : f->length) | (f->is_masked ? 0x80 : 0);
  for (size_t i = 0; i < n; i++)
    out[2 + i] = (uint8_t)(f->length >> 8 * (n - 1 - i));
  if (key) memcpy(out + 2 + n, key, 4);
  return 2 + n + (key ? 4 : 0);
}

static void write_frame(struct script *s, const struct frame *f) {
  uint8_t header[WS_FRAME_HEADER_MAX];
  append(&s->wire, header, write_header(f, header));
  size_t from = s->wire.len;
  append(&s->wire, f->payload, f->n);
  uint8_t *to = (uint8_t *)s->wire.data + from;
  if (f->is_masked) ws_mask_copy(to, to, f->n, f->key, 0);
}

// Judging -----------------------------------------------------------------------------------------

// Always false: the session is over.
static bool end(struct script *s, enum ws_event_type type, unsigned code, struct span reason,
                size_t at) {
  reader_record(&s->events, type, code, reason);
  reader_record(&s->answers, WS_EVENT_CLOSE, code, reason);
  s->ended_at = at;
  return false;
}

static bool fail(struct script *s, unsigned code, size_t at) {
  return end(s, WS_EVENT_FAIL, code, SPAN(""), at);
}

// What the first byte shows. 0, or the code.
static unsigned judge_first(const struct script *s, uint8_t first) {
  uint8_t opcode = first & 15;
  if ((first & 0x70) != 0) return 1002;
  if (opcode >= 8) return opcode <= 10 && (first & FIN) != 0 ? 0 : 1002;
  if (opcode > 2 || (opcode == 0) != (s->opcode != 0)) return 1002;
  return s->fragments == s->settings->limits.max_fragments ? 1008 : 0;
}

// The length, of a data frame that begins at `start`. 0, or the code; *at: where it shows.
static unsigned judge_length(const struct script *s, const struct frame *f, size_t start,
                             size_t *at) {
  bool is_short = f->form == LENGTH_MINIMAL && f->length <= 125;
  bool is_long = f->form == LENGTH_IN_64 || f->length > UINT16_MAX;
  *at = start + (is_short ? 2 : is_long ? 10 : 4);
  if (is_long && f->length >> 63 != 0) return *at = start + 3, 1002;
  if (is_long && f->length <= UINT16_MAX) return *at = start + 8, 1002;
  if (!is_short && f->length <= 125) return 1002;
  return f->length > s->settings->limits.max_payload - s->message.len ? 1009 : 0;
}

static bool judge_control(struct script *s, const struct frame *f, size_t frame_end) {
  uint8_t opcode = f->first & 15;
  struct span body = {(char *)f->payload, f->n};
  if (f->n < f->length) return true;
  if (opcode != WS_OPCODE_CLOSE) {
    bool is_ping = opcode == WS_OPCODE_PING;
    reader_record(&s->events, is_ping ? WS_EVENT_PING : WS_EVENT_PONG, 0, body);
    reader_record(&s->answers, is_ping ? WS_EVENT_PONG : WS_EVENT_PING, 0, body);
    return true;
  }
  if (f->n == 0) return end(s, WS_EVENT_CLOSE, WS_CLOSE_NO_STATUS, body, frame_end);
  unsigned code = f->n == 1 ? 0 : (unsigned)f->payload[0] << 8 | f->payload[1];
  bool is_registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!is_registered && (code < 3000 || code > 4999)) return fail(s, 1002, frame_end);
  bool is_complete;
  body = (struct span){body.p + 2, body.n - 2};
  size_t good = plain_utf8(f->payload + 2, body.n, &is_complete);
  if (good < body.n || !is_complete) return fail(s, 1007, frame_end);
  return end(s, WS_EVENT_CLOSE, code, body, frame_end);
}

static bool judge_data(struct script *s, const struct frame *f, size_t frame_end) {
  if (s->opcode == 0) s->opcode = f->first & 15;
  s->fragments++;
  append(&s->message, f->payload, f->n);
  bool is_text = s->opcode == WS_OPCODE_TEXT, is_complete = true;
  if (is_text) {
    size_t good = plain_utf8((uint8_t *)s->message.data, s->message.len, &is_complete);
    size_t bad = s->message.len - good;
    if (bad > 0) return fail(s, 1007, frame_end - bad + 1);
  }
  if (f->n < f->length || (f->first & FIN) == 0) return true;
  if (!is_complete) return fail(s, 1007, frame_end);
  if (s->settings->skips)
    reader_record_skipped(&s->events, !is_text, s->message.len);
  else
    reader_record_message(&s->events, !is_text, buf_span(&s->message));
  s->message.len = s->fragments = s->opcode = 0;
  return true;
}

// Whether the session goes on behind the frame.
static bool judge_frame(struct script *s, const struct frame *f, size_t start) {
  unsigned code = judge_first(s, f->first);
  if (code != 0) return fail(s, code, start + 1);
  bool is_control = (f->first & 8) != 0;
  bool must_mask = s->settings->role == WS_ROLE_SERVER;
  bool has_long_length = f->form != LENGTH_MINIMAL || f->length > 125;
  if (f->is_masked != must_mask || (is_control && has_long_length)) return fail(s, 1002, start + 2);
  if (is_control) return judge_control(s, f, s->wire.len);
  size_t at;
  code = judge_length(s, f, start, &at);
  return code != 0 ? fail(s, code, at) : judge_data(s, f, s->wire.len);
}
