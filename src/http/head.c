// Heads of messages. Pure.

#include "http/head.h"

#include "base/mem.h"
#include "http/token.h"

#define AMBIGUOUS_LENGTH "two Content-Lengths, or one with a Transfer-Encoding"

_Static_assert(HTTP_LINE_MAX + HTTP_HEAD_MAX + 8 <= UINT16_MAX, "parts of a head fit in uint16_t");

static int on_header_field(llhttp_t *parser, const char *at, size_t n);
static int on_header_value(llhttp_t *parser, const char *at, size_t n);
static int on_chunk_header(llhttp_t *parser);
static int on_message_complete(llhttp_t *parser);

static const llhttp_settings_t SETTINGS = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

void http_head_init(struct http_head *h, llhttp_type_t type) {
  *h = (struct http_head){0};
  // With a line end each for the first line and the empty line.
  buf_init(&h->text, HTTP_LINE_MAX + 2 + HTTP_HEAD_MAX + 2);
  llhttp_init(&h->parser, type, &SETTINGS);
  h->parser.data = h;
}

void http_head_deinit(struct http_head *h) {
  buf_deinit(&h->text);
  mem_free(h->headers);
}

enum http_progress http_head_fail(struct http_head *h, int status, const char *text) {
  h->failure = (struct http_failure){status, text};
  return HTTP_BAD;
}

// The line that is read into `text`, from line_at on.
static enum http_cut cut_line(struct http_head *h, struct span *in, size_t max,
                              struct http_failure too_long) {
  struct http_failure failure = too_long;
  enum http_cut cut = http_line_cut(&h->text, h->line_at, in, max, &failure);
  if (cut == HTTP_CUT_BAD) h->failure = failure;
  return cut;
}

enum http_cut http_head_take_first(struct http_head *h, struct span *in,
                                   struct http_failure too_long) {
  return cut_line(h, in, HTTP_LINE_MAX, too_long);
}

void http_head_end_first(struct http_head *h) {
  h->line_at = h->text.len;
}

void http_head_drop_first(struct http_head *h) {
  h->text.len = 0;
}

bool http_head_parse(struct http_head *h, const char *p, size_t n) {
  llhttp_errno_t rc = llhttp_execute(&h->parser, p, n);
  return rc == HPE_OK || (rc == HPE_PAUSED_UPGRADE && h->message_done);
}

size_t http_head_room(const struct http_head *h) {
  if (h->line_count >= HTTP_HEADERS_MAX || h->header_bytes + 2 >= HTTP_HEAD_MAX) return 0;
  return HTTP_HEAD_MAX - h->header_bytes - 2;
}

struct http_failure http_head_too_large(const struct http_head *h) {
  bool count = h->line_count >= HTTP_HEADERS_MAX;
  return (struct http_failure){431, count ? "too many header lines" : "header lines too long"};
}

struct span http_head_span(const struct http_head *h, struct http_part part) {
  if (!h->text.data) return (struct span){NULL, 0};
  return (struct span){h->text.data + part.at, part.n};
}

struct http_part http_head_part(const struct http_head *h, struct span s) {
  return (struct http_part){(uint16_t)(s.p - h->text.data), (uint16_t)s.n};
}

// ---- Header lines ----

// Why llhttp refuses a header line.
static void explain_refusal(struct http_head *h) {
  switch (llhttp_get_errno(&h->parser)) {
  case HPE_UNEXPECTED_CONTENT_LENGTH: http_head_fail(h, 400, AMBIGUOUS_LENGTH); return;
  case HPE_INVALID_CONTENT_LENGTH: http_head_fail(h, 400, "malformed Content-Length"); return;
  case HPE_INVALID_TRANSFER_ENCODING: // version 9 also says this of one behind a Content-Length
    if ((h->parser.flags & F_CONTENT_LENGTH) != 0)
      http_head_fail(h, 400, AMBIGUOUS_LENGTH);
    else
      http_head_fail(h, 400, "malformed Transfer-Encoding");
    return;
  default: http_head_fail(h, 400, "malformed header"); return;
  }
}

// Makes spans of the parts, now that `text` stays where it is.
static void build_headers(struct http_head *h) {
  h->headers = mem_alloc((h->line_count + 1) * sizeof *h->headers);
  h->header_count = h->line_count;
  for (size_t i = 0; i < h->line_count; i++) {
    h->headers[i].name = http_head_span(h, h->lines[i].name);
    h->headers[i].value = http_head_span(h, h->lines[i].value);
  }
}

static bool read_header(struct http_head *h, struct span line) {
  if (line.p[0] == ' ' || line.p[0] == '\t') {
    http_head_fail(h, 400, "header line that begins with a blank");
    return false;
  }
  if (!http_head_parse(h, line.p, line.n)) {
    explain_refusal(h);
    return false;
  }
  // llhttp takes an empty name; other names it checks, when it was compiled to be strict.
  if (!http_token_is_valid(http_head_span(h, h->lines[h->line_count].name))) {
    http_head_fail(h, 400, "malformed header");
    return false;
  }
  h->line_count++;
  h->header_bytes += line.n;
  h->line_at = h->text.len;
  return true;
}

enum http_cut http_head_take_headers(struct http_head *h, struct span *in) {
  for (;;) {
    enum http_cut cut = cut_line(h, in, http_head_room(h), http_head_too_large(h));
    if (cut != HTTP_CUT_LINE) return cut;
    struct span line = {h->text.data + h->line_at, h->text.len - h->line_at};
    if (http_head_is_blank(line)) {
      build_headers(h);
      return HTTP_CUT_LINE;
    }
    if (!read_header(h, line)) return HTTP_CUT_BAD;
  }
}

bool http_head_end(struct http_head *h) {
  bool parsed = http_head_parse(h, "\r\n", 2);
  if (!parsed) explain_refusal(h);
  h->header_bytes = 0;
  h->line_count = 0;
  return parsed;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n) {
  struct http_head *h = parser->data;
  if (!h->headers) h->lines[h->line_count].name = http_head_part(h, (struct span){at, n});
  return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n) {
  struct http_head *h = parser->data;
  struct span value = span_trim((struct span){at, n});
  if (!h->headers) h->lines[h->line_count].value = http_head_part(h, value);
  return 0;
}

static int on_chunk_header(llhttp_t *parser) {
  struct http_head *h = parser->data;
  h->chunk_size = parser->content_length;
  return 0;
}

static int on_message_complete(llhttp_t *parser) {
  struct http_head *h = parser->data;
  h->message_done = true;
  return 0;
}
