// Compressing, and the life of a connection's state. Runs on the thread that owns the session.

#include "ws/deflate.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>
#include "base/mem.h"
#include "ws/inflate.h"
#include "ws/mask.h"

enum {
  TAIL_SIZE = 4,   // of an empty stored block, 00 00 FF FF: taken away from each message
  ROOM_MIN = 256,  // for what a message becomes, at first
  WINDOW_MAX = 15, // bits
};

// Room for a frame that is being made: a header's at first, then what comes out of zlib.
struct room {
  uint8_t *at;
  size_t used;
  size_t size;
};

struct ws_deflate *ws_deflate_new(struct ws_codec *codec, const struct ws_deflate_params *params) {
  struct ws_deflate *d = mem_zalloc(sizeof *d);
  d->codec = codec;
  d->params = *params;
  return d;
}

void ws_deflate_free(struct ws_deflate *d) {
  if (!d) return;
  ws_inflate_stop(d);
  ws_codec_free_deflater(d->deflater);
  mem_free(d);
}

static z_stream *deflater_of(struct ws_deflate *d) {
  const struct ws_deflate_params *p = &d->params;
  if (!p->out_takeover) return ws_codec_deflater(d->codec, p->out_bits, p->level, p->mem_level);
  if (!d->deflater) d->deflater = ws_codec_new_deflater(p->out_bits, p->level, p->mem_level);
  return d->deflater;
}

static bool enlarge(struct ws_codec *codec, struct room *room, size_t max) {
  if (room->size >= max) return false;
  size_t size = room->size * 2 < max ? room->size * 2 : max;
  room->at = ws_codec_enlarge(codec, room->at, room->used, size);
  room->size = size;
  return true;
}

// Compresses all of the payload behind the room's `used` bytes, up to a flush. False: that takes
// more than `max` bytes of room.
static bool deflate_all(struct ws_codec *codec, z_stream *z, struct span payload, size_t max,
                        struct room *room) {
  assert(payload.n <= UINT32_MAX); // as records are: mailbox/batch.c
  z->next_in = (Bytef *)payload.p;
  z->avail_in = (uInt)payload.n;
  for (;;) {
    size_t left = room->size - room->used;
    z->next_out = room->at + room->used;
    z->avail_out = left < UINT32_MAX ? (uInt)left : UINT32_MAX;
    int result = deflate(z, Z_SYNC_FLUSH);
    assert(result == Z_OK || result == Z_BUF_ERROR);
    room->used = (size_t)(z->next_out - room->at);
    if (z->avail_out > 0) return true;
    if (room->used == room->size && !enlarge(codec, room, max)) return false;
  }
}

// The header stands right before the payload, whatever its size. Flattened so that the optimiser
// still puts ws_mask_copy into the way in, where each message passes: with a call from elsewhere it
// would not.
__attribute__((noinline, flatten)) static struct span
put_header(const struct room *room, enum ws_opcode opcode, const uint8_t *key) {
  uint8_t header[WS_FRAME_HEADER_MAX];
  uint8_t *payload = room->at + WS_FRAME_HEADER_MAX;
  size_t length = room->used - WS_FRAME_HEADER_MAX;
  size_t size = ws_frame_write(header, opcode, true, true, length, key);
  memcpy(payload - size, header, size);
  if (key != NULL) ws_mask_copy(payload, payload, length, key, 0);
  return (struct span){(const char *)(payload - size), size + length};
}

bool ws_deflate_frame(struct ws_deflate *d, enum ws_opcode opcode, struct span payload,
                      const uint8_t *key, struct span *frame) {
  assert(payload.n > 0);
  z_stream *z = deflater_of(d);
  // Without takeover there is no use in more room than the payload takes: zlib leaves some of it,
  // or the message goes out as it is. With takeover the context has changed, so that it can't.
  size_t max = d->params.out_takeover ? SIZE_MAX : WS_FRAME_HEADER_MAX + payload.n + TAIL_SIZE;
  struct room room = {.used = WS_FRAME_HEADER_MAX, .size = ROOM_MIN + payload.n / 4};
  if (room.size > max) room.size = max;
  room.at = ws_codec_reserve(d->codec, room.size);
  ws_codec_count_deflated(d->codec);
  if (!deflate_all(d->codec, z, payload, max, &room)) return false;
  room.used -= TAIL_SIZE;
  assert(memcmp(room.at + room.used, "\0\0\xff\xff", TAIL_SIZE) == 0);
  *frame = put_header(&room, opcode, key);
  ws_codec_commit(d->codec, room.used);
  return true;
}

size_t ws_deflate_held(const struct ws_deflate *d) {
  size_t held = sizeof *d;
  if (d->kept) held += sizeof *d->kept + d->kept->cap;
  if (d->history) held += sizeof *d->history + d->history->cap;
  if (d->inflater) held += ((size_t)1 << WINDOW_MAX);
  return held;
}
