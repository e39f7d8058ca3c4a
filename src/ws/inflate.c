// Decompressing. Runs on the thread that owns the session.
//
// A message that lies whole in the input is inflated by the thread's one inflater, into its scratch
// memory. One that comes in parts is given an inflater of its own and inflated as it comes, so that
// what is wrong with it shows at once.
//
// With context takeover the inflater that has seen the messages before is kept for those to come,
// where the window is the largest. A smaller one is kept by itself, in `history`: that takes less
// memory than zlib's inflater would, and zlib, which looks at what it has just put out before it
// looks into its window, does not hold anybody to a small one unless it gets nothing else. So the
// outcome would depend on how the bytes have come.

#include "ws/inflate.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>
#include "base/mem.h"

enum {
  WINDOW_MAX = 15, // bits
#ifdef LUAWS_TINY
  ROOM_MIN = 1,
#else
  ROOM_MIN = 512, // for what comes out of it
#endif
  // What incomplete messages may become when all together have become much: a peer that pays with
  // little must not fill the memory over many connections.
  EXPANSION_MAX = 32, // times what has come of it
  EXPANSION_FREE = 4096,
};

uint64_t ws_inflate_limit(uint64_t max_payload) {
  uint64_t slack = max_payload / 2 + 64 * 1024;
  return max_payload > UINT64_MAX - slack ? UINT64_MAX : max_payload + slack;
}

static struct buf *new_buf(size_t max) {
  struct buf *b = mem_zalloc(sizeof *b);
  buf_init(b, max);
  return b;
}

static void free_buf(struct buf *b) {
  if (b) buf_deinit(b);
  mem_free(b);
}

static size_t ceiling(const struct ws_inflate_rules *rules) {
  return rules->max_payload < SIZE_MAX ? (size_t)rules->max_payload : SIZE_MAX;
}

// Whether the inflater stays from message to message.
static bool keeps_inflater(const struct ws_deflate *d) {
  return d->params.in_takeover && d->params.in_bits == WINDOW_MAX;
}

// What this message may refer to, from those before it.
static void recall(struct ws_deflate *d) {
  if (!d->history) return;
  int result =
      inflateSetDictionary(d->stream, (const Bytef *)d->history->data, (uInt)d->history->len);
  assert(result == Z_OK);
}

// Keeps what later messages may refer to: what the stream's window has, as far as the agreed one
// reaches.
static void remember(struct ws_deflate *d) {
  if (!d->params.in_takeover || keeps_inflater(d)) return;
  uint8_t window[1 << WINDOW_MAX];
  uInt size = 0;
  inflateGetDictionary(d->stream, window, &size);
  size_t most = (size_t)1 << d->params.in_bits;
  size_t n = size < most ? size : most;
  if (!d->history) d->history = new_buf(most);
  d->history->len = 0;
  buf_append(d->history, window + size - n, n);
}

// Room for more output: its size, *to where. 0: there is no more.
static size_t make_room(struct buf *b, uint8_t **to) {
  size_t left = b->max - b->len;
  if (b->cap == b->len && left > 0) buf_reserve(b, left < ROOM_MIN ? left : ROOM_MIN);
  *to = left > 0 ? (uint8_t *)b->data + b->len : NULL;
  return left < b->cap - b->len ? left : b->cap - b->len;
}

// Whether an incomplete message has become too much of too little, at a time when all together have
// become much.
static bool is_bloated(const struct ws_deflate *d) {
  if (ws_codec_kept(d->codec) <= WS_CODEC_KEPT_MAX) return false;
  return d->kept->len > EXPANSION_FREE && d->kept->len / EXPANSION_MAX > d->received;
}

// `n` bytes have been put out.
static int take_output(struct ws_deflate *d, size_t n) {
  d->into->len += n;
  if (d->into != d->kept) return 0;
  ws_codec_keep(d->codec, n);
  return is_bloated(d) ? ERR_TOO_BIG : 0;
}

// Lets the stream put out once. Returns as ws_inflate_feed does.
static int inflate_once(struct ws_deflate *d, const struct ws_inflate_rules *rules, int *result) {
  z_stream *z = d->stream;
  uint8_t beyond, *to;
  size_t room = make_room(d->into, &to);
  if (room > UINT32_MAX) room = UINT32_MAX;
  z->next_out = room > 0 ? to : &beyond;
  z->avail_out = room > 0 ? (uInt)room : 1;
  *result = inflate(z, Z_SYNC_FLUSH);
  if (room == 0) return z->avail_out == 0 ? ERR_TOO_BIG : 0;
  size_t n = room - z->avail_out;
  if (rules->text && !ws_utf8_feed(rules->text, to, n)) return ERR_INFLATE_UTF8;
  return take_output(d, n);
}

// A block that says that it is the last one is not (section 7.2.3.4): another may follow, and refer
// to what was before it. What zlib documents for that would copy the window, which is too dear for
// a block of two bytes.
static int pass_final_block(struct ws_deflate *d) {
  d->has_ended = d->stream->avail_in == 0;
  return inflateResetKeep(d->stream);
}

static int feed(struct ws_deflate *d, const struct ws_inflate_rules *rules, const uint8_t *p,
                size_t n) {
  z_stream *z = d->stream;
  z->next_in = (Bytef *)p;
  z->avail_in = (uInt)n; // an input's, so less than 4 GiB
  d->has_ended = false;
  for (;;) {
    int result;
    int outcome = inflate_once(d, rules, &result);
    if (outcome != 0) return outcome;
    if (result == Z_STREAM_END) result = pass_final_block(d);
    if (result != Z_OK && result != Z_BUF_ERROR) return ERR_INVALID;
    if (z->avail_in == 0 && z->avail_out > 0) return 0;
  }
}

int ws_inflate_feed(struct ws_deflate *d, const struct ws_inflate_rules *rules, const uint8_t *p,
                    size_t n) {
  return n > 0 ? feed(d, rules, p, n) : 0;
}

void ws_inflate_expect(struct ws_deflate *d, const struct ws_inflate_rules *rules, size_t n,
                       bool is_last) {
  d->received += n;
  if (d->stream) return;
  d->kept = is_last ? NULL : new_buf(ceiling(rules));
  d->into = is_last ? ws_codec_scratch(d->codec, ceiling(rules)) : d->kept;
  if (!d->inflater && (!is_last || keeps_inflater(d))) d->inflater = ws_codec_new_inflater();
  d->stream = d->inflater ? d->inflater : ws_codec_inflater(d->codec);
  recall(d);
}

// Between two blocks, with no bit of the next. What has been cut off ends elsewhere.
static bool is_between_blocks(const struct ws_deflate *d) {
  return (d->stream->data_type & 128) != 0 && (d->stream->data_type & 63) == 0;
}

int ws_inflate_end(struct ws_deflate *d, const struct ws_inflate_rules *rules,
                   struct span *message) {
  static const uint8_t tail[] = {0, 0, 0xff, 0xff};
  assert(d->stream);
  if (!d->has_ended) {
    int result = feed(d, rules, tail, sizeof tail);
    if (result != 0) return result;
    if (!d->has_ended && !is_between_blocks(d)) return ERR_INVALID;
  }
  if (rules->text && !ws_utf8_is_complete(rules->text)) return ERR_INFLATE_UTF8;
  remember(d);
  ws_codec_count_inflated(d->codec);
  *message = buf_span(d->into);
  return 0;
}

void ws_inflate_drop(struct ws_deflate *d) {
  if (d->kept) ws_codec_unkeep(d->codec, d->kept->len);
  free_buf(d->kept);
  d->kept = NULL;
  d->received = 0;
  d->stream = NULL;
  d->into = NULL;
  d->has_ended = false;
  ws_codec_trim_scratch(d->codec);
  if (keeps_inflater(d)) return;
  ws_codec_free_inflater(d->inflater);
  d->inflater = NULL;
}

void ws_inflate_stop(struct ws_deflate *d) {
  ws_inflate_drop(d);
  ws_codec_free_inflater(d->inflater);
  d->inflater = NULL;
  free_buf(d->history);
  d->history = NULL;
}
