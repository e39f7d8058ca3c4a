#ifndef WS_DEFLATE_H
#define WS_DEFLATE_H

// permessage-deflate (RFC 7692) of one connection: what was agreed on, and what is kept from
// message to message. Exists only where the extension was negotiated. Either role: "out" is what
// this side sends, "in" what it receives. Owned by the thread of its session, which owns it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "ws/codec.h"
#include "ws/frame.h"

// Limits of a session; shared by many and outliving them. Never changed under a session.
struct ws_limits {
  uint64_t max_payload;   // bytes of one message, decompressed, all its frames together: else 1009
  uint32_t max_fragments; // frames of one message; over it: 1008
};

struct ws_deflate_params {
  uint64_t threshold; // messages with a shorter payload are sent as they are
  uint8_t out_bits;   // log2 of the windows: 9 to 15
  uint8_t in_bits;
  bool out_takeover; // whether a message may refer to those before it
  bool in_takeover;
  uint8_t level; // zlib's: 0 to 9, and 1 to 9
  uint8_t mem_level;
};

struct ws_deflate {
  struct ws_limits limits; // the session's. First: the session's pointer to it is one to the whole
  struct ws_codec *codec;  // its thread's
  struct ws_deflate_params params;
  struct z_stream_s *deflater; // with out_takeover, from its first use on
  // ws/inflate.c's:
  struct z_stream_s *inflater; // of its own; NULL: none
  struct buf *history;         // with in_takeover and a small window: what is in it; NULL: nothing
  struct buf *kept;            // what an incomplete message has become; NULL: there is none
  uint64_t received;           // compressed bytes of the message in progress
  struct z_stream_s *stream; // what inflates it: its own inflater or the codec's; NULL: nothing yet
  struct buf *into;          // and where to: `kept` or the codec's scratch
  bool has_ended;            // the bytes so far have ended with a final block
};

// `codec` must outlive it.
struct ws_deflate *ws_deflate_new(struct ws_codec *codec, const struct ws_deflate_params *params);
void ws_deflate_free(struct ws_deflate *d); // NULL is fine

// Whether a message of this size is worth compressing: it reaches the threshold.
static inline bool ws_deflate_wants(const struct ws_deflate *d, size_t size) {
  return size >= d->params.threshold && size > 0;
}

// Compresses a message, and makes a frame of it. `key`: 4 bytes for the client role, else NULL.
// True: *frame is the frame, good until ws_codec_release; it must be sent, in this order. False,
// without takeover alone: it would not be smaller than the message as it is, which is to be sent
// instead.
bool ws_deflate_frame(struct ws_deflate *d, enum ws_opcode opcode, struct span payload,
                      const uint8_t *key, struct span *frame);

// Bytes of memory that it holds, without zlib's deflater: for specs and fuzzing.
size_t ws_deflate_held(const struct ws_deflate *d);

#endif
