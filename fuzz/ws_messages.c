// Fuzzes the WebSocket session by whole frames: the input chooses them (support/script.h), and with
// them what must come: the same events however the wire is cut, each failure at the first byte that
// shows it, and replies that the other side understands.

#include <assert.h>
#include <stdint.h>

#include "support/reader.h"
#include "support/script.h"

#define BYTES_MAX 2000 // of a wire that is fed byte by byte: longer ones take too long

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct setup {
  struct reader_settings reader;
  struct ws_deflate_params deflate;
  struct script_packing packing;
};

static void read_setup(struct setup *setup, struct input *in) {
  static const uint64_t payloads[] = {UINT64_MAX, 65536, 65535, 300, 126, 125, 5, 0};
  static const uint32_t fragments[] = {UINT32_MAX, 5, 2, 1};
  uint8_t choice = input_byte(in);
  setup->reader = (struct reader_settings){
      .role = (choice & 1) != 0 ? WS_ROLE_CLIENT : WS_ROLE_SERVER,
      .limits.max_payload = payloads[choice >> 1 & 7],
      .limits.max_fragments = fragments[choice >> 4 & 3],
      .skips = (choice & 0x40) != 0,
  };
  if ((choice & 0x80) == 0) return;
  uint8_t bits = input_byte(in), how = input_byte(in);
  setup->deflate = (struct ws_deflate_params){
      .in_bits = (uint8_t)(9 + (bits & 15) % 7),
      .in_takeover = (bits & 15) < 8,
      .out_bits = 15,
      .level = 6,
      .mem_level = 8,
  };
  setup->packing = (struct script_packing){9 + (bits >> 4) % 7, how % 10, how / 10 % 5};
  setup->reader.deflate = &setup->deflate;
  if (setup->reader.limits.max_payload == UINT64_MAX) setup->reader.limits.max_payload = 1 << 18;
}

static void check(const struct script *script, size_t widest, uint32_t random) {
  struct reader r;
  reader_init(&r, script->settings);
  reader_feed(&r, (const uint8_t *)script->wire.data, script->wire.len, widest, random);
  assert(span_eq(buf_span(&r.events), buf_span(&script->judge.events)));
  assert(r.has_ended == (script->judge.ended_at > 0));
  if (widest == 1) assert(r.ended_at == script->judge.ended_at);
  assert(ws_session_is_midway(&r.session) == script->judge.is_midway);
  struct buf answers = reader_read_replies(&r);
  assert(span_eq(buf_span(&answers), buf_span(&script->judge.answers)));
  buf_deinit(&answers);
  reader_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  struct setup setup;
  read_setup(&setup, &in);
  uint32_t cuts = input_word(&in);
  setup.reader.closes_after = cuts >> 24 & 7;
  struct script script;
  script_init(&script, &setup.reader, &setup.packing, &in);
  check(&script, 0, cuts);
  check(&script, 2 + cuts % 300 + script.wire.len / 500, cuts);
  if (script.wire.len <= BYTES_MAX) check(&script, 1, cuts);
  script_deinit(&script);
  return 0;
}
