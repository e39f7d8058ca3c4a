#ifndef WS_INFLATE_H
#define WS_INFLATE_H

// A compressed message (RFC 7692 section 7.2.2) on its way in: the session's part of ws_deflate.
// The thread that owns the session.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "ws/deflate.h"
#include "ws/utf8.h"

#define ERR_INFLATE_UTF8 (-5102)

// What holds for the message in progress.
struct ws_inflate_rules {
  uint64_t max_payload; // of what comes out of it; no more than a byte beyond is ever inflated
  struct ws_utf8 *text; // it is text: where the check stands. NULL: it isn't
};

// The longest that the compressed bytes of such a message may be. Nobody's compressor makes a
// message half as long again, but a fragment for each byte or so may cost some bytes more than it
// has.
uint64_t ws_inflate_limit(uint64_t max_payload);

// `n` more bytes are about to be fed; to be called whenever some have come. `is_last`: the message
// ends with them.
void ws_inflate_expect(struct ws_deflate *d, const struct ws_inflate_rules *rules, size_t n,
                       bool is_last);

// Takes some of the bytes, unmasked. Returns 0 or
//   ERR_INVALID       they are corrupt
//   ERR_TOO_BIG       they have become more than max_payload, or too much at a time when the codec
//                     keeps more than WS_CODEC_KEPT_MAX
//   ERR_INFLATE_UTF8  they have become what isn't UTF-8
// as the first of it that a byte by byte look would find, so that it is the same however the bytes
// have come (but for what other connections do meanwhile).
int ws_inflate_feed(struct ws_deflate *d, const struct ws_inflate_rules *rules, const uint8_t *p,
                    size_t n);

// The message has ended. 0: *message is all of it, until ws_inflate_drop. Else as above.
int ws_inflate_end(struct ws_deflate *d, const struct ws_inflate_rules *rules,
                   struct span *message);

// Forgets the message in progress, or the one that has ended.
void ws_inflate_drop(struct ws_deflate *d);

// No further message will come.
void ws_inflate_stop(struct ws_deflate *d);

#endif
