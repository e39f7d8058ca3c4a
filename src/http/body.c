// Bodies of messages. Pure.

#include "http/body.h"

#include <assert.h>

enum {
  CHUNK_LINE_MAX = 16,            // digits of a chunk's size; what is longer is taken from...
  EXTENSIONS_MAX = HTTP_HEAD_MAX, // ...what all of a body's chunk extensions may take
};

static enum http_progress take_plain(struct http_body *b, struct span *in);
static enum http_progress take_chunk_line(struct http_body *b, struct http_head *h,
                                          struct span *in);
static enum http_progress take_chunk_data(struct http_body *b, struct http_head *h,
                                          struct span *in);
static enum http_progress take_chunk_end(struct http_body *b, struct http_head *h, struct span *in);
static enum http_progress take_trailer(struct http_body *b, struct http_head *h, struct span *in);

void http_body_init(struct http_body *b, size_t max, bool cut) {
  *b = (struct http_body){.is_cut = cut, .extension_room = EXTENSIONS_MAX};
  buf_init(&b->bytes, max);
  buf_init(&b->line, EXTENSIONS_MAX + CHUNK_LINE_MAX + 2);
}

void http_body_deinit(struct http_body *b) {
  buf_deinit(&b->bytes);
  buf_deinit(&b->line);
}

// Bytes that may still come.
static size_t room_of(const struct http_body *b) {
  return b->bytes.max - b->bytes.len;
}

enum http_progress http_body_begin(struct http_body *b, struct http_head *h, uint64_t length) {
  if (length > b->bytes.max && !b->is_cut) return http_head_fail(h, 413, "body too large");
  b->stage = HTTP_BODY_PLAIN;
  b->left = length < b->bytes.max ? length : b->bytes.max;
  return b->left == 0 ? HTTP_COMPLETE : HTTP_MORE;
}

enum http_progress http_body_begin_chunked(struct http_body *b) {
  b->stage = HTTP_BODY_CHUNK_LINE;
  return HTTP_MORE;
}

enum http_progress http_body_feed(struct http_body *b, struct http_head *h, struct span *in) {
  enum http_progress progress = HTTP_MORE;
  while (in->n > 0 && progress == HTTP_MORE) {
    switch ((enum http_body_stage)b->stage) {
    case HTTP_BODY_PLAIN: progress = take_plain(b, in); break;
    case HTTP_BODY_CHUNK_LINE: progress = take_chunk_line(b, h, in); break;
    case HTTP_BODY_CHUNK_DATA: progress = take_chunk_data(b, h, in); break;
    case HTTP_BODY_CHUNK_END: progress = take_chunk_end(b, h, in); break;
    case HTTP_BODY_TRAILERS: progress = take_trailer(b, h, in); break;
    }
  }
  return progress;
}

// As many bytes as there are of what is left, or as there is room for.
static size_t take_bytes(struct http_body *b, struct span *in) {
  size_t n = in->n < b->left ? in->n : (size_t)b->left;
  if (n > room_of(b)) n = room_of(b);
  int rc = buf_append(&b->bytes, in->p, n);
  assert(rc == 0);
  in->p += n, in->n -= n;
  b->left -= n;
  return n;
}

static enum http_progress take_plain(struct http_body *b, struct span *in) {
  take_bytes(b, in);
  return b->left == 0 ? HTTP_COMPLETE : HTTP_MORE;
}

// ---- Chunks ----

// Reads a line of the framing.
static enum http_cut cut_line(struct http_body *b, struct http_head *h, struct span *in, size_t max,
                              struct http_failure too_long, struct span *line) {
  struct http_failure failure = too_long;
  enum http_cut cut = http_line_cut(&b->line, 0, in, max, &failure);
  *line = buf_span(&b->line);
  if (cut == HTTP_CUT_BAD) h->failure = failure;
  if (cut == HTTP_CUT_LINE) b->line.len = 0; // it stays there until the next one comes
  return cut;
}

static enum http_progress take_chunk_line(struct http_body *b, struct http_head *h,
                                          struct span *in) {
  struct span line;
  enum http_cut cut = cut_line(b, h, in, CHUNK_LINE_MAX + b->extension_room,
                               (struct http_failure){400, "chunk extensions too long"}, &line);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (line.n - 2 > CHUNK_LINE_MAX) b->extension_room -= line.n - 2 - CHUNK_LINE_MAX;
  // llhttp gets the size alone: extensions are to be ignored, and version 8.1 trips over quoted
  // ones.
  const char *extension = memchr(line.p, ';', line.n);
  size_t digits = extension ? (size_t)(extension - line.p) : line.n - 2;
  if (!http_head_parse(h, line.p, digits) || !http_head_parse(h, "\r\n", 2))
    return http_head_fail(h, 400, "malformed chunk");
  b->left = h->chunk_size;
  if (b->left > room_of(b) && !b->is_cut) return http_head_fail(h, 413, "body too large");
  b->stage = b->left > 0 ? HTTP_BODY_CHUNK_DATA : HTTP_BODY_TRAILERS;
  return HTTP_MORE;
}

static enum http_progress take_chunk_data(struct http_body *b, struct http_head *h,
                                          struct span *in) {
  const char *from = in->p;
  size_t n = take_bytes(b, in);
  if (b->left > 0 && room_of(b) == 0) return HTTP_COMPLETE;
  bool parsed = http_head_parse(h, from, n);
  assert(parsed);
  if (b->left == 0) b->stage = HTTP_BODY_CHUNK_END;
  return HTTP_MORE;
}

static enum http_progress take_chunk_end(struct http_body *b, struct http_head *h,
                                         struct span *in) {
  struct span line;
  enum http_cut cut =
      cut_line(b, h, in, 0, (struct http_failure){400, "chunk longer than its size"}, &line);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (!http_head_parse(h, line.p, line.n)) return http_head_fail(h, 400, "malformed chunk");
  b->stage = HTTP_BODY_CHUNK_LINE;
  return HTTP_MORE;
}

// Trailers are checked like headers, counted like headers, and dropped.
static enum http_progress take_trailer(struct http_body *b, struct http_head *h, struct span *in) {
  struct span line;
  enum http_cut cut = cut_line(b, h, in, http_head_room(h), http_head_too_large(h), &line);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  bool is_blank = http_head_is_blank(line);
  if (!is_blank && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == ':'))
    return http_head_fail(h, 400, "malformed trailer");
  if (!http_head_parse(h, line.p, line.n)) return http_head_fail(h, 400, "malformed trailer");
  if (is_blank) {
    assert(h->message_done);
    return HTTP_COMPLETE;
  }
  h->line_count++;
  h->header_bytes += line.n;
  return HTTP_MORE;
}
