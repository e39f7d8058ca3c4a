#ifndef FUZZ_ZIP_H
#define FUZZ_ZIP_H

// Raw zlib, for what permessage-deflate must make of bytes (RFC 7692 section 7.2): a compressor for
// one peer's messages, and a decompressor that takes and gives one byte at a time, so that each
// fault shows at the first byte that has it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>
#include "base/buf.h"

struct zipper {
  z_stream stream;
};

// `bits`: 9 to 15; `strategy`: zlib's.
void zipper_init(struct zipper *z, int bits, int level, int strategy);
void zipper_deinit(struct zipper *z);

// Forgets the messages so far.
void zipper_reset(struct zipper *z);

// Appends what becomes of the bytes, to an end that `flush` makes: one of zlib's.
void zipper_add(struct zipper *z, const uint8_t *p, size_t n, int flush, struct buf *out);

struct unzipper {
  z_stream stream;
  uint8_t in; // the byte that was given
  bool has_ended;
};

void unzipper_init(struct unzipper *u);
void unzipper_deinit(struct unzipper *u);

// Before each message, which may refer to the last `window` bytes of those before it.
void unzipper_begin(struct unzipper *u, size_t window);

// Gives the next byte, when unzipper_next has said that it has no more.
void unzipper_give(struct unzipper *u, uint8_t byte);

enum unzipped { UNZIPPED_BYTE, UNZIPPED_NONE, UNZIPPED_BAD };

// The next byte that comes out.
enum unzipped unzipper_next(struct unzipper *u, uint8_t *byte);

// Whether a message may end here: the last byte ended a final block, or a block ends with it.
bool unzipper_is_done(const struct unzipper *u);

#endif
