// Fuzzes the WebSocket session by whole frames: the input chooses them (support/script.h), and with
// them what must come: the same events however the wire is cut, each failure at the first byte that
// shows it, and replies that the other side understands.

#include <assert.h>
#include <stdint.h>

#include "support/reader.h"
#include "support/script.h"

#define BYTES_MAX 2000 // of a wire that is fed byte by byte: longer ones take too long

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reader_settings read_settings(struct input *in) {
  static const uint64_t payloads[] = {UINT64_MAX, 65536, 65535, 300, 126, 125, 5, 0};
  static const uint32_t fragments[] = {UINT32_MAX, 5, 2, 1};
  uint8_t choice = input_byte(in);
  return (struct reader_settings){
      .role = (choice & 1) != 0 ? WS_ROLE_CLIENT : WS_ROLE_SERVER,
      .limits.max_payload = payloads[choice >> 1 & 7],
      .limits.max_fragments = fragments[choice >> 4 & 3],
      .skips = (choice & 0xc0) == 0xc0,
  };
}

static void check(const struct script *script, size_t widest, uint32_t random) {
  struct reader r;
  reader_init(&r, script->settings);
  reader_feed(&r, (const uint8_t *)script->wire.data, script->wire.len, widest, random);
  assert(span_eq(buf_span(&r.events), buf_span(&script->events)));
  assert(r.has_ended == (script->ended_at > 0));
  if (widest == 1) assert(r.ended_at == script->ended_at);
  assert(ws_session_is_midway(&r.session) == script->is_midway);
  struct buf answers = reader_read_replies(&r);
  assert(span_eq(buf_span(&answers), buf_span(&script->answers)));
  buf_deinit(&answers);
  reader_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  struct reader_settings settings = read_settings(&in);
  uint32_t cuts = input_word(&in);
  struct script script;
  script_init(&script, &settings, &in);
  check(&script, 0, cuts);
  check(&script, 2 + cuts % 300, cuts);
  if (script.wire.len <= BYTES_MAX) check(&script, 1, cuts);
  script_deinit(&script);
  return 0;
}
