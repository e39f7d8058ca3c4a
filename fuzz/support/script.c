// See script.h. A frame is chosen, written and judged.

#include "support/script.h"

#include <assert.h>
#include <string.h>
#include "base/mem.h"
#include "ws/mask.h"

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
#define RSV1     0x40
#define WORK_MAX 100000 // of all payloads: more bytes take too long

// How a frame of a compressed message is made, as a byte of the input has it.
enum packing {
  PACK_NOT = 0x01,   // the message isn't compressed; of its first frame
  PACK_FLUSH = 0x06, // how the frame's part ends
  PACK_RAW = 0x08,   // the payload is taken for compressed as it is
  PACK_FLIP = 0x10,  // a bit is wrong
  PACK_RESET = 0x20, // the message refers to none before it
  PACK_CARRY = 0x40, // it does, even if it may not
};

static void choose_frame(struct frame *f, struct input *in, struct script *s);
static void choose_payload(struct frame *f, struct input *in, unsigned size);
static void pack_payload(struct frame *f, struct input *in, struct script *s);
static void write_frame(struct script *s, const struct frame *f);

static void append(struct buf *b, const void *p, size_t n) {
  int result = buf_append(b, p, n);
  assert(result == 0);
}

void script_init(struct script *s, const struct reader_settings *settings,
                 const struct script_packing *packing, struct input *in) {
  *s = (struct script){.settings = settings, .how = PACK_NOT};
  buf_init(&s->wire, SIZE_MAX);
  judge_init(&s->judge, settings);
  if (settings->deflate) zipper_init(&s->zipper, packing->bits, packing->level, packing->strategy);
  bool is_whole = true;
  while (in->n > 0 && is_whole) {
    struct frame f;
    choose_frame(&f, in, s);
    size_t start = s->wire.len;
    write_frame(s, &f);
    judge_frame(&s->judge, &f, start, s->wire.len);
    is_whole = f.n == f.length;
    mem_free(f.payload);
  }
}

void script_deinit(struct script *s) {
  if (s->settings->deflate) zipper_deinit(&s->zipper);
  judge_deinit(&s->judge);
  buf_deinit(&s->wire);
}

// Choosing ----------------------------------------------------------------------------------------

static void choose_frame(struct frame *f, struct input *in, struct script *s) {
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
  bool may_skip = s->settings->skips || s->settings->closes_after > 0;
  if (is_text && may_skip) f->first ^= WS_OPCODE_TEXT ^ WS_OPCODE_BINARY;
  f->key[0] = f->key[2] = (uint8_t)(choice * 31);
  f->key[1] = f->key[3] = (uint8_t)(choice * 57);
  if (what == CHOICE_MASKED_WRONG) f->is_masked = !f->is_masked;
  if (what == CHOICE_LONG_16) f->form = LENGTH_IN_16;
  if (what == CHOICE_LONG_64) f->form = LENGTH_IN_64;
  choose_payload(f, in, s->work < WORK_MAX ? choice >> 4 : choice >> 4 & 7);
  s->work += f->n;
  if (s->settings->deflate && (f->first & 15) <= WS_OPCODE_BINARY) pack_payload(f, in, s);
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
  f->payload = mem_alloc(n);
  input_repeat(f->payload, n, part);
  f->length = f->n = n;
}

// Takes away the empty block that a message ends with (RFC 7692 section 7.2.1), which Z_BLOCK is
// taken for leaving there; or adds to a final block the byte that section 7.2.3.4 has.
static void end_packed(struct buf *packed, int flush, bool leaves_tail) {
  static const char tail[] = {0, 0, '\xff', '\xff'};
  if (flush == Z_FINISH)
    append(packed, "", 1);
  else if (!leaves_tail && packed->len >= 4 && memcmp(packed->data + packed->len - 4, tail, 4) == 0)
    packed->len -= 4;
}

// Makes the payload a part of a compressed message, or a message.
static void pack_payload(struct frame *f, struct input *in, struct script *s) {
  static const int flushes[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK, Z_FINISH};
  bool is_first = (f->first & 15) != WS_OPCODE_CONTINUATION, is_last = (f->first & FIN) != 0;
  if (is_first) s->how = input_byte(in);
  if ((s->how & PACK_NOT) != 0) return;
  uint8_t how = is_first ? s->how : input_byte(in);
  if (is_first) f->first |= RSV1;
  bool may_carry =
      s->settings->deflate->in_takeover ? (how & PACK_RESET) == 0 : (how & PACK_CARRY) != 0;
  if (is_first && !may_carry) zipper_reset(&s->zipper);
  if ((how & PACK_RAW) == 0) {
    struct buf packed;
    buf_init(&packed, SIZE_MAX);
    int flush = flushes[(how & PACK_FLUSH) >> 1];
    bool leaves_tail = flush == Z_BLOCK;
    if (is_last && leaves_tail) flush = Z_SYNC_FLUSH;
    zipper_add(&s->zipper, f->payload, f->n, flush, &packed);
    if (is_last) end_packed(&packed, flush, leaves_tail);
    mem_free(f->payload);
    f->payload = (uint8_t *)buf_take(&packed, &f->n);
    f->length = f->n;
  }
  if ((how & PACK_FLIP) != 0 && f->n > 0)
    f->payload[input_byte(in) % f->n] ^= (uint8_t)(how << 1 | 1);
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
