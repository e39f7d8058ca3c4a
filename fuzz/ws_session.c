// Fuzzes the WebSocket session: the first bytes choose the role, the limits and how the rest, the
// wire, is cut. However it is cut, the events must be the same and the limits must hold; and the
// other role's session must understand what this one answers.

#include <assert.h>
#include <stdint.h>

#include "base/buf.h"
#include "support/input.h"
#include "support/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reader_settings read_settings(struct input *in, struct ws_deflate_params *deflate) {
  static const uint64_t payloads[] = {0, 1, 100, 125, 126, 1000, 65536, UINT64_MAX};
  static const uint32_t fragments[] = {1, 2, 3, UINT32_MAX};
  uint8_t choice = input_byte(in);
  struct reader_settings settings = {
      .role = (choice & 1) != 0 ? WS_ROLE_CLIENT : WS_ROLE_SERVER,
      .limits.max_payload = payloads[choice >> 1 & 7],
      .limits.max_fragments = fragments[choice >> 4 & 3],
  };
  if ((choice & 0x40) == 0) return settings;
  uint8_t bits = input_byte(in);
  *deflate = (struct ws_deflate_params){
      .in_bits = (uint8_t)(9 + bits % 7),
      .in_takeover = (bits & 0x80) != 0,
      .out_bits = 15,
      .level = 6,
      .mem_level = 8,
  };
  settings.deflate = deflate;
  if (settings.limits.max_payload == UINT64_MAX) settings.limits.max_payload = 1 << 18;
  return settings;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  struct ws_deflate_params deflate;
  const struct reader_settings settings = read_settings(&in, &deflate);
  uint32_t cuts = 0;
  for (int i = 0; i < 3; i++)
    cuts = cuts << 8 | input_byte(&in);

  struct reader whole;
  reader_init(&whole, &settings);
  reader_feed(&whole, in.p, in.n, 0, 0);
  struct buf answers = reader_read_replies(&whole);
  buf_deinit(&answers);
  const size_t widths[] = {1, 4, 2 + cuts % 200};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    struct reader cut;
    reader_init(&cut, &settings);
    reader_feed(&cut, in.p, in.n, widths[i], cuts);
    assert(reader_equals(&whole, &cut));
    reader_deinit(&cut);
  }
  reader_deinit(&whole);
  return 0;
}
