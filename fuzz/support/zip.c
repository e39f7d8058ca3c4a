// See zip.h.

#include "support/zip.h"

#include <assert.h>
#include "support/input.h"

void zipper_init(struct zipper *z, int bits, int level, int strategy) {
  *z = (struct zipper){.stream = {0}};
  int result = deflateInit2(&z->stream, level, Z_DEFLATED, -bits, 1 + bits / 2, strategy);
  assert(result == Z_OK);
}

void zipper_deinit(struct zipper *z) {
  deflateEnd(&z->stream);
}

void zipper_reset(struct zipper *z) {
  deflateReset(&z->stream);
}

// A stream that has ended goes on as a new one does, behind the final block.
void zipper_add(struct zipper *z, const uint8_t *p, size_t n, int flush, struct buf *out) {
  z->stream.next_in = (Bytef *)p;
  z->stream.avail_in = (uInt)n;
  int result;
  do {
    char *to = buf_reserve(out, 256);
    assert(to);
    z->stream.next_out = (Bytef *)to;
    z->stream.avail_out = 256;
    result = deflate(&z->stream, flush);
    assert(result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END);
    out->len += 256 - z->stream.avail_out;
  } while (z->stream.avail_out == 0 && result != Z_STREAM_END);
  if (result == Z_STREAM_END) deflateReset(&z->stream);
}

void unzipper_init(struct unzipper *u) {
  *u = (struct unzipper){.in = 0};
  int result = inflateInit2(&u->stream, -15);
  assert(result == Z_OK);
}

void unzipper_deinit(struct unzipper *u) {
  inflateEnd(&u->stream);
}

// Moves the window, or the end of it, on into a new stream.
static void begin_again(struct unzipper *u, size_t most) {
  uint8_t window[1 << 15];
  uInt n = 0;
  inflateGetDictionary(&u->stream, window, &n);
  size_t kept = n < most ? n : most;
  inflateReset(&u->stream);
  inflateSetDictionary(&u->stream, window + n - kept, (uInt)kept);
}

void unzipper_begin(struct unzipper *u, size_t window) {
  begin_again(u, window);
  u->has_ended = false;
}

UNWATCHED void unzipper_give(struct unzipper *u, uint8_t byte) {
  assert(u->stream.avail_in == 0);
  u->in = byte;
  u->stream.next_in = &u->in;
  u->stream.avail_in = 1;
  u->has_ended = false;
}

UNWATCHED enum unzipped unzipper_next(struct unzipper *u, uint8_t *byte) {
  for (;;) {
    u->stream.next_out = byte;
    u->stream.avail_out = 1;
    int result = inflate(&u->stream, Z_SYNC_FLUSH);
    if (result == Z_STREAM_END) {
      // Another block may follow, and refer to what was before (RFC 7692 section 7.2.3.4).
      u->has_ended = u->stream.avail_in == 0;
      begin_again(u, SIZE_MAX);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return UNZIPPED_BAD;
    }
    if (u->stream.avail_out == 0) return UNZIPPED_BYTE;
    if (u->stream.avail_in == 0) return UNZIPPED_NONE;
  }
}

bool unzipper_is_done(const struct unzipper *u) {
  bool is_between_blocks = (u->stream.data_type & 128) != 0 && (u->stream.data_type & 63) == 0;
  return u->has_ended || is_between_blocks;
}
