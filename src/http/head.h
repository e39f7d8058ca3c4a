#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

// The head of an HTTP/1.x message while it is read, line by line. What requests and replies share
// of that; nobody else has to do with it. Pure.
//
// llhttp never sees the stream itself. It is cut here into lines and runs of body, by bytes alone,
// and llhttp gets each line whole, in place: so the outcome cannot depend on how the bytes arrived,
// what follows a message stays untouched, and each span it reports is whole. Line ends, limits and
// the meaning of the head are checked outside of it; the grammar of the lines is llhttp's.

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "http/header.h"
#include "http/line.h"
#include "http/message.h"

// A part of `text`, which moves as it grows.
struct http_part {
  uint16_t at;
  uint16_t n;
};

struct http_head {
  struct buf text;     // first line, header lines, empty line
  size_t line_at;      // where the line being read begins in `text`
  size_t header_bytes; // of the header lines so far, with their line ends; later of trailer lines
  size_t line_count;   // of those
  struct {
    struct http_part name, value;
  } lines[HTTP_HEADERS_MAX];

  struct http_header *headers; // when the head is whole; with room for one more
  size_t header_count;

  bool message_done;   // llhttp says that the message is complete
  uint64_t chunk_size; // of the latest chunk that llhttp has been told of
  struct http_failure failure;
  llhttp_t parser;
};

void http_head_init(struct http_head *h, llhttp_type_t type);
void http_head_deinit(struct http_head *h);

// Notes what is wrong; HTTP_BAD.
enum http_progress http_head_fail(struct http_head *h, int status, const char *text);

// Takes bytes of the first line; when it is whole, all of h->text is that line, with its line end.
// `too_long`: what it fails with above HTTP_LINE_MAX. HTTP_CUT_BAD: h->failure says why.
enum http_cut http_head_take_first(struct http_head *h, struct span *in,
                                   struct http_failure too_long);

// The first line is done: header lines follow. Or forgets it: another one follows.
void http_head_end_first(struct http_head *h);
void http_head_drop_first(struct http_head *h);

// Takes bytes of header lines. HTTP_CUT_LINE: the empty line has come and h->headers are there;
// llhttp is told of it by http_head_end. HTTP_CUT_BAD: h->failure says why.
enum http_cut http_head_take_headers(struct http_head *h, struct span *in);

// Tells llhttp that the head is over, when all else is in order with it; from now on lines are
// counted anew, for trailers. False: it finds fault, h->failure.
bool http_head_end(struct http_head *h);

// Gives llhttp the next piece of the message. False: it finds fault.
bool http_head_parse(struct http_head *h, const char *p, size_t n);

// Bytes that one more header or trailer line may have, and what a longer one fails with.
size_t http_head_room(const struct http_head *h);
struct http_failure http_head_too_large(const struct http_head *h);

struct span http_head_span(const struct http_head *h, struct http_part part);
struct http_part http_head_part(const struct http_head *h, struct span s);

// Whether a line, with its line end, is empty but for that.
static inline bool http_head_is_blank(struct span line) {
  return line.n == 2;
}

#endif
