#ifndef WS_CODEC_H
#define WS_CODEC_H

// What the compressed connections of one thread share: zlib's streams, where no context is taken
// over from message to message, and scratch memory. Owned by that thread.

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct ws_codec; // private
struct z_stream_s;

// Without any memory of zlib's until that is needed.
struct ws_codec *ws_codec_new(void);

// All connections that use it must be gone. NULL is fine.
void ws_codec_free(struct ws_codec *c);

// Frames made by ws_deflate_frame lie in the codec until they are released, all together: then
// their memory is used again. How many bytes they take; releasing.
size_t ws_codec_held(const struct ws_codec *c);
void ws_codec_release(struct ws_codec *c);

// How many messages have been compressed, and how many decompressed.
uint64_t ws_codec_deflated(const struct ws_codec *c);
uint64_t ws_codec_inflated(const struct ws_codec *c);

// How many bytes the incomplete messages of all its connections have become together; ws/inflate.c
// counts them. From here on those that grow out of little are refused.
#define WS_CODEC_KEPT_MAX (64 * 1024 * 1024)
size_t ws_codec_kept(const struct ws_codec *c);

// For ws/deflate.c and ws/inflate.c
// ----------------------------------------------------------------

// Raw streams (RFC 1951 alone) whose memory is the core's. `bits`: 9 to 15.
struct z_stream_s *ws_codec_new_deflater(unsigned bits, unsigned level, unsigned mem_level);
void ws_codec_free_deflater(struct z_stream_s *z);
struct z_stream_s *ws_codec_new_inflater(void); // any window
void ws_codec_free_inflater(struct z_stream_s *z);

// The shared ones, as new.
struct z_stream_s *ws_codec_deflater(struct ws_codec *c, unsigned bits, unsigned level,
                                     unsigned mem_level);
struct z_stream_s *ws_codec_inflater(struct ws_codec *c);

void ws_codec_count_deflated(struct ws_codec *c);
void ws_codec_count_inflated(struct ws_codec *c);

// `size` bytes that stay where they are until ws_codec_release, when they have been committed;
// else until the next call.
uint8_t *ws_codec_reserve(struct ws_codec *c, size_t size);

// Makes the room at `at`, not committed yet, as large as `size`; the first `used` bytes are kept.
uint8_t *ws_codec_enlarge(struct ws_codec *c, uint8_t *at, size_t used, size_t size);
void ws_codec_commit(struct ws_codec *c, size_t size);

// So many bytes more, and fewer, are kept of incomplete messages.
void ws_codec_keep(struct ws_codec *c, size_t n);
void ws_codec_unkeep(struct ws_codec *c, size_t n);

// An empty buffer for one decompressed message of `max` bytes at the most, and giving its memory
// back if it has become large.
struct buf *ws_codec_scratch(struct ws_codec *c, size_t max);
void ws_codec_trim_scratch(struct ws_codec *c);

#endif
