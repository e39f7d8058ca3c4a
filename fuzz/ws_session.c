// Fuzzes the WebSocket session: the first bytes choose the role, the limits and how the rest, the
// wire, is cut. However it is cut, the events must be the same and the limits must hold.

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ws/session.h"

#define SETTINGS_SIZE 4

struct settings {
  enum ws_role role;
  struct ws_limits limits;
  uint32_t cuts; // seeds the sizes of the pieces
};

// One session's events, written one behind the other.
struct record {
  struct buf bytes;
  bool ended; // a close frame or a failure was the last
};

static void read_settings(struct settings *settings, const uint8_t *p) {
  static const uint64_t payloads[] = {0, 1, 100, 125, 126, 1000, 65536, UINT64_MAX};
  static const uint32_t fragments[] = {1, 2, 3, UINT32_MAX};
  settings->role = (p[0] & 1) != 0 ? WS_ROLE_CLIENT : WS_ROLE_SERVER;
  settings->limits.max_payload = payloads[p[0] >> 1 & 7];
  settings->limits.max_fragments = fragments[p[0] >> 4 & 3];
  settings->cuts = (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_record(struct record *record, const void *p, size_t n) {
  int result = buf_append(&record->bytes, p, n);
  assert(result == 0);
}

static void record_event(struct record *record, const struct ws_event *event) {
  struct span data = {"", 0};
  unsigned code = 0;
  switch (event->type) {
  case WS_EVENT_MESSAGE: code = event->is_binary; break;
  case WS_EVENT_PING:
  case WS_EVENT_PONG: data = event->data; break;
  case WS_EVENT_CLOSE:
    data = event->data;
    code = event->code;
    assert(code == WS_CLOSE_NO_STATUS || ws_close_code_is_valid(code));
    assert(ws_utf8_valid(data.p, data.n));
    break;
  case WS_EVENT_FAIL:
    data = span_of(event->cause);
    code = event->code;
    assert(code == WS_CLOSE_PROTOCOL_ERROR || code == WS_CLOSE_INVALID_PAYLOAD ||
           code == WS_CLOSE_POLICY || code == WS_CLOSE_TOO_BIG);
    break;
  }
  assert(!record->ended);
  record->ended = event->type == WS_EVENT_CLOSE || event->type == WS_EVENT_FAIL;
  write_record(record, &event->type, sizeof event->type);
  write_record(record, &code, sizeof code);
  write_record(record, &data.n, sizeof data.n);
  write_record(record, data.p, data.n);
}

// Replaces *event by the failure if the message turns out not to be text.
static void take_message(struct record *record, struct ws_session *s, struct ws_input *in,
                         struct ws_event *event) {
  size_t length = event->length;
  assert(length <= s->limits->max_payload);
  uint8_t *payload = malloc(length > 0 ? length : 1);
  assert(payload != NULL);
  bool is_good = ws_session_take(s, in, payload, event);
  record_event(record, event);
  if (is_good) {
    assert(event->is_binary || ws_utf8_valid(payload, length));
    write_record(record, &length, sizeof length);
    write_record(record, payload, length);
  }
  free(payload);
}

// Feeds one piece, from a block of its own, so that a step beyond it shows.
static void feed_piece(struct record *record, struct ws_session *s, const uint8_t *p, size_t n) {
  uint8_t *copy = malloc(n > 0 ? n : 1);
  assert(copy != NULL);
  if (n > 0) memcpy(copy, p, n);
  struct ws_input in = {copy, n};
  struct ws_event event;
  while (ws_session_next(s, &in, &event)) {
    if (event.type == WS_EVENT_MESSAGE) {
      take_message(record, s, &in, &event);
    } else {
      record_event(record, &event);
    }
  }
  assert(in.n == 0);
  assert(ws_session_is_midway(s) || s->midway == NULL);
  assert(s->midway == NULL || s->midway->partial.cap <= s->limits->max_payload);
  free(copy);
}

// `widest`: the largest piece; 0: all in one.
static struct record feed(const struct settings *settings, const uint8_t *p, size_t n,
                          size_t widest) {
  struct record record = {.ended = false};
  buf_init(&record.bytes, SIZE_MAX);
  struct ws_session s;
  ws_session_init(&s, settings->role, &settings->limits);
  uint32_t random = settings->cuts;
  while (n > 0) {
    random = random * 1664525 + 1013904223;
    size_t size = widest == 0 ? n : 1 + (random >> 8) % widest;
    if (size > n) size = n;
    feed_piece(&record, &s, p, size);
    p += size;
    n -= size;
  }
  ws_session_deinit(&s);
  return record;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < SETTINGS_SIZE) return 0;
  struct settings settings;
  read_settings(&settings, data);
  data += SETTINGS_SIZE;
  size -= SETTINGS_SIZE;

  struct record whole = feed(&settings, data, size, 0);
  const size_t widths[] = {1, 4, 2 + settings.cuts % 200};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    struct record cut = feed(&settings, data, size, widths[i]);
    assert(span_eq(buf_span(&whole.bytes), buf_span(&cut.bytes)));
    buf_deinit(&cut.bytes);
  }
  buf_deinit(&whole.bytes);
  return 0;
}
