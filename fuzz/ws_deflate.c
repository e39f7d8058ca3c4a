// Fuzzes compressing: what our deflater makes of messages, the peer's session must read as they
// were, with any parameters, in either role, however it is cut. Two connections share a codec, as
// all of a thread do, so that one's messages must not show in the other's. The first bytes choose
// the parameters; each message then is a byte that says whose it is and how long, and its bytes.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "support/input.h"
#include "support/reader.h"
#include "ws/codec.h"
#include "ws/deflate.h"

enum {
  CONNECTIONS = 2,
  WORK_MAX = 250000,     // bytes of all messages: more take too long
  NOISE = 8,             // in the byte that chooses a message
  STATE_MAX = 400 << 10, // of a deflater with the largest window and memory
};

struct connection {
  struct ws_deflate_params params; // the sender's
  struct ws_deflate_params theirs; // the reader's, who has them the other way round
  struct ws_deflate *deflate;
  struct reader_settings settings;
  struct reader reader;
  struct buf expected;
  uint64_t packed; // messages
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Messages go one way: what is received doesn't matter.
static struct ws_deflate_params read_params(struct input *in) {
  uint8_t bits = input_byte(in), levels = input_byte(in);
  return (struct ws_deflate_params){
      .threshold = (levels & 0x80) != 0 ? 50 : 0,
      .out_bits = (uint8_t)(9 + (bits & 15) % 7),
      .in_bits = 15,
      .out_takeover = (bits & 0x10) != 0,
      .level = (uint8_t)((levels & 15) % 10),
      .mem_level = (uint8_t)(1 + (levels >> 4 & 7)),
  };
}

static void open_connection(struct connection *c, struct ws_codec *codec, struct ledger *ledger,
                            struct input *in) {
  *c = (struct connection){.params = read_params(in)};
  c->theirs = (struct ws_deflate_params){
      .out_bits = 15,
      .in_bits = c->params.out_bits,
      .in_takeover = c->params.out_takeover,
      .level = 6,
      .mem_level = 8,
  };
  c->settings = (struct reader_settings){
      .role = (input_byte(in) & 1) != 0 ? WS_ROLE_CLIENT : WS_ROLE_SERVER,
      .limits = {WORK_MAX, 1},
      .deflate = &c->theirs,
  };
  ledger_enter(ledger);
  c->deflate = ws_deflate_new(codec, &c->params);
  ledger_leave(ledger);
  reader_init(&c->reader, &c->settings);
  buf_init(&c->expected, SIZE_MAX);
}

static void close_connection(struct connection *c, struct ledger *ledger) {
  assert(c->reader.cause == NULL);
  assert(span_eq(buf_span(&c->expected), buf_span(&c->reader.events)));
  assert(ws_codec_inflated(c->reader.codec) == c->packed);
  assert(!ws_session_is_midway(&c->reader.session));
  ledger_enter(ledger);
  ws_deflate_free(c->deflate);
  ledger_leave(ledger);
  reader_deinit(&c->reader);
  buf_deinit(&c->expected);
}

UNWATCHED static void vary(uint8_t *p, size_t n, bool everywhere) {
  uint32_t random = (uint32_t)n;
  for (size_t i = everywhere ? 0 : 250; i < n; i += everywhere ? 1 : 251) {
    random = random * 1664525 + 1013904223;
    p[i] ^= (uint8_t)(random >> 24);
  }
}

// A payload of the input's next bytes; the longer ones repeat them, with a difference here and
// there.
// NULL: that would be more than `most` bytes.
static uint8_t *read_payload(struct input *in, uint8_t choice, size_t most, size_t *n) {
  static const unsigned times[] = {1, 1, 1, 3, 20, 300, 2500, 9000};
  struct input part = input_take(in, input_byte(in) & 63);
  *n = part.n * times[choice >> 4 & 7];
  if (*n > most) return NULL;
  uint8_t *payload = mem_alloc(*n);
  input_repeat(payload, *n, part);
  vary(payload, *n, choice & NOISE);
  return payload;
}

// What is not worth it goes out as it is.
static void send_plain(struct connection *c, struct span payload, const uint8_t *key) {
  uint8_t header[WS_FRAME_HEADER_MAX];
  size_t n = ws_frame_write(header, WS_OPCODE_BINARY, true, false, payload.n, key);
  reader_feed(&c->reader, header, n, 0, 0);
  uint8_t *masked = input_copy(payload.p, payload.n);
  for (size_t i = 0; key && i < payload.n; i++)
    masked[i] ^= key[i % 4];
  reader_feed(&c->reader, masked, payload.n, 0, 0);
  mem_free(masked);
}

static void check_frame(const struct connection *c, struct span frame, struct span payload) {
  struct ws_frame_header h;
  int result = ws_frame_parse((const uint8_t *)frame.p, frame.n, &h);
  assert(result == 0 && h.size + h.length == frame.n);
  assert(h.fin && h.rsv == 4 && h.opcode == WS_OPCODE_BINARY);
  assert(h.masked == (c->settings.role == WS_ROLE_SERVER));
  if (!c->params.out_takeover) assert(h.length < payload.n);
}

static void send_message(struct connection *c, struct ledger *ledger, struct span payload,
                         bool is_cut) {
  static const uint8_t masking[] = {0x12, 0, 0xfe, 0x80};
  const uint8_t *key = c->settings.role == WS_ROLE_SERVER ? masking : NULL;
  struct span frame;
  bool is_packed = ws_deflate_wants(c->deflate, payload.n);
  assert(is_packed == (payload.n > 0 && payload.n >= c->params.threshold));
  if (is_packed) {
    ledger_enter(ledger);
    is_packed = ws_deflate_frame(c->deflate, WS_OPCODE_BINARY, payload, key, &frame);
    ledger_leave(ledger);
    assert(is_packed || !c->params.out_takeover);
  }
  reader_record_message(&c->expected, true, payload);
  if (!is_packed) {
    send_plain(c, payload, key);
    return;
  }
  c->packed++;
  check_frame(c, frame, payload);
  size_t widest = is_cut ? 7 + frame.n / 100 : 0;
  reader_feed(&c->reader, (const uint8_t *)frame.p, frame.n, widest, (uint32_t)frame.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  struct ledger ledger = {0, 0};
  ledger_enter(&ledger);
  struct ws_codec *codec = ws_codec_new();
  ledger_leave(&ledger);
  struct connection connections[CONNECTIONS];
  for (int i = 0; i < CONNECTIONS; i++)
    open_connection(&connections[i], codec, &ledger, &in);

  size_t most = WORK_MAX;
  while (in.n > 0) {
    uint8_t choice = input_byte(&in);
    size_t n;
    uint8_t *payload = read_payload(&in, choice, most, &n);
    if (!payload) continue;
    send_message(&connections[choice & 1], &ledger, (struct span){(char *)payload, n},
                 (choice & 2) != 0);
    mem_free(payload);
    most -= n;
    if ((choice & 4) == 0) continue;
    ledger_enter(&ledger);
    ws_codec_release(codec);
    ledger_leave(&ledger);
    assert(ws_codec_held(codec) == 0);
  }
  assert(ws_codec_deflated(codec) >= connections[0].packed + connections[1].packed);
  assert(ledger.live <= (CONNECTIONS + 1) * STATE_MAX + 4 * WORK_MAX);
  for (int i = 0; i < CONNECTIONS; i++)
    close_connection(&connections[i], &ledger);
  ledger_enter(&ledger);
  ws_codec_free(codec);
  ledger_leave(&ledger);
  assert(ledger.live == 0);
  return 0;
}
