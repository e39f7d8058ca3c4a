#ifndef HTTP_BODY_H
#define HTTP_BODY_H

// The body of an HTTP/1.x message while it is read: of a known length, in chunks, or up to the end
// of the connection. What requests and replies share of that; nobody else has to do with it. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/head.h"
#include "http/message.h"

enum http_body_stage {
  HTTP_BODY_PLAIN,      // `left` bytes
  HTTP_BODY_CHUNK_LINE, // "5;extension"
  HTTP_BODY_CHUNK_DATA, // `left` bytes
  HTTP_BODY_CHUNK_END,  // the line end behind the data
  HTTP_BODY_TRAILERS,
};

struct http_body {
  struct buf bytes;      // what has come; its ceiling is the largest body
  bool is_cut;           // what is larger ends there, and doesn't fail
  uint8_t stage;         // enum http_body_stage
  uint64_t left;         // bytes to come of it, or of the chunk
  size_t extension_room; // what chunk extensions may still take
  struct buf line;       // one of the chunks' framing
};

// `max`: bytes. `cut`: a larger body is complete with its first so many bytes; else it is a failure
// of the head, 413, from its announced length or as soon as its chunks exceed it.
void http_body_init(struct http_body *b, size_t max, bool cut);
void http_body_deinit(struct http_body *b);

// Begins to read one of `length` bytes, UINT64_MAX: until the caller ends it; or one in chunks.
// HTTP_COMPLETE: there is nothing to read. HTTP_BAD: too large. Else HTTP_MORE.
enum http_progress http_body_begin(struct http_body *b, struct http_head *h, uint64_t length);
enum http_progress http_body_begin_chunked(struct http_body *b);

// Takes bytes off the front of *in, until it is empty or the body over: HTTP_MORE, HTTP_COMPLETE,
// or HTTP_BAD with h->failure. `h` has read the message's head.
enum http_progress http_body_feed(struct http_body *b, struct http_head *h, struct span *in);

#endif
