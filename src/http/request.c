// Requests from bytes. Pure.
//
// llhttp never sees the stream itself. It is cut here into lines and runs of body, by bytes alone,
// and llhttp gets each line whole, in place: so the outcome cannot depend on how the bytes arrived,
// what follows a request stays untouched, and each span it reports is whole. Line ends, limits and
// the meaning of the head are checked here; the grammar of the lines is llhttp's.

#include "http/request.h"

#include <assert.h>
#include <llhttp.h>
#include "base/mem.h"
#include "http/line.h"
#include "http/rules.h"
#include "http/token.h"

enum {
  HEAD_USUAL = 1024,                   // room made for a head, if so much has come
  BLANK_LINES_MAX = 4,                 // before a request line (RFC 9112 section 2.2)
  CHUNK_LINE_MAX = 16,                 // digits of a chunk's size; what is longer is taken from...
  CHUNK_EXTENSIONS_MAX = HTTP_HEAD_MAX // ...what all of a body's chunk extensions may take
};

#define AMBIGUOUS_LENGTH "two Content-Lengths, or one with a Transfer-Encoding"

enum stage {
  AT_REQUEST_LINE,
  AT_HEADERS,
  AT_BODY,       // of a known length
  AT_CHUNK_LINE, // "5;extension"
  AT_CHUNK_DATA,
  AT_CHUNK_END, // the line end behind the data
  AT_TRAILERS,
  AT_END, // the request has ended, well or badly
};

// A part of `head`, which moves as it grows.
struct part {
  uint16_t at;
  uint16_t n;
};
_Static_assert(HTTP_LINE_MAX + HTTP_HEAD_MAX + 8 <= UINT16_MAX, "parts of a head fit in uint16_t");

struct http_request {
  size_t max_body;
  enum stage stage;
  int blank_lines;       // skipped before the request line
  size_t line_at;        // where the line being read begins in `head` or `framing`
  size_t header_bytes;   // of the header or trailer lines so far, with their line ends
  size_t extension_room; // what is left of CHUNK_EXTENSIONS_MAX
  uint64_t left;         // bytes to come of the body or the chunk
  bool message_done;     // llhttp says that the message is complete
  bool http10;

  struct buf head;    // request line, header lines, empty line
  struct buf framing; // one line of a chunked body
  struct buf body;

  struct part method, target, authority; // authority: of an absolute-form target, else n is 0
  size_t line_count;
  struct {
    struct part name, value;
  } lines[HTTP_HEADERS_MAX];

  size_t header_count;         // line_count, or one more for the Host of an absolute form
  struct http_header *headers; // when the head is whole

  struct http_failure failure;
  llhttp_t parser;
};

static enum http_progress take_request_line(struct http_request *r, struct span *in);
static enum http_progress take_header_line(struct http_request *r, struct span *in);
static enum http_progress take_body(struct http_request *r, struct span *in);
static enum http_progress take_chunk_line(struct http_request *r, struct span *in);
static enum http_progress take_chunk_data(struct http_request *r, struct span *in);
static enum http_progress take_chunk_end(struct http_request *r, struct span *in);
static enum http_progress take_trailer_line(struct http_request *r, struct span *in);
static struct span span_of_part(const struct http_request *r, struct part part);

static int on_header_field(llhttp_t *parser, const char *at, size_t n);
static int on_header_value(llhttp_t *parser, const char *at, size_t n);
static int on_body(llhttp_t *parser, const char *at, size_t n);
static int on_chunk_header(llhttp_t *parser);
static int on_message_complete(llhttp_t *parser);

static const llhttp_settings_t SETTINGS = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

struct http_request *http_request_new(size_t max_body) {
  struct http_request *r = mem_zalloc(sizeof *r);
  r->max_body = max_body;
  http_request_reset(r);
  return r;
}

void http_request_free(struct http_request *r) {
  if (!r) return;
  buf_deinit(&r->head);
  buf_deinit(&r->framing);
  buf_deinit(&r->body);
  mem_free(r->headers);
  mem_free(r);
}

void http_request_reset(struct http_request *r) {
  size_t max_body = r->max_body;
  buf_deinit(&r->head);
  buf_deinit(&r->framing);
  buf_deinit(&r->body);
  mem_free(r->headers);
  *r = (struct http_request){.max_body = max_body, .extension_room = CHUNK_EXTENSIONS_MAX};
  // With a line end each for the request line and the empty line.
  buf_init(&r->head, HTTP_LINE_MAX + 2 + HTTP_HEAD_MAX + 2);
  buf_init(&r->framing, CHUNK_EXTENSIONS_MAX + CHUNK_LINE_MAX + 2);
  buf_init(&r->body, max_body);
  llhttp_init(&r->parser, HTTP_REQUEST, &SETTINGS);
  r->parser.data = r;
}

enum http_progress http_request_feed(struct http_request *r, const char *p, size_t n,
                                     size_t *used) {
  assert(r->stage != AT_END);
  struct span in = {p, n};
  enum http_progress progress = HTTP_MORE;
  if (!r->head.data) buf_reserve(&r->head, n < HEAD_USUAL ? n : HEAD_USUAL);
  while (in.n > 0 && progress == HTTP_MORE) {
    switch (r->stage) {
    case AT_REQUEST_LINE: progress = take_request_line(r, &in); break;
    case AT_HEADERS: progress = take_header_line(r, &in); break;
    case AT_BODY: progress = take_body(r, &in); break;
    case AT_CHUNK_LINE: progress = take_chunk_line(r, &in); break;
    case AT_CHUNK_DATA: progress = take_chunk_data(r, &in); break;
    case AT_CHUNK_END: progress = take_chunk_end(r, &in); break;
    case AT_TRAILERS: progress = take_trailer_line(r, &in); break;
    case AT_END: break;
    }
  }
  *used = n - in.n;
  if (progress != HTTP_MORE && progress != HTTP_CONTINUE) r->stage = AT_END;
  return progress;
}

struct http_failure http_request_failure(const struct http_request *r) {
  return r->failure;
}

bool http_request_has_begun(const struct http_request *r) {
  return r->stage != AT_REQUEST_LINE || r->head.len > 0;
}

bool http_request_has_head(const struct http_request *r) {
  return r->stage > AT_HEADERS;
}

struct span http_request_method(const struct http_request *r) {
  return span_of_part(r, r->method);
}

struct span http_request_target(const struct http_request *r) {
  return span_of_part(r, r->target);
}

size_t http_request_header_count(const struct http_request *r) {
  return r->header_count;
}

const struct http_header *http_request_headers(const struct http_request *r) {
  return r->headers;
}

struct span http_request_body(const struct http_request *r) {
  return buf_span(&r->body);
}

bool http_request_is_http10(const struct http_request *r) {
  return r->http10;
}

bool http_request_keep_alive(const struct http_request *r) {
  if (http_request_has_token(r, "connection", "close")) return false;
  return !r->http10 || http_request_has_token(r, "connection", "keep-alive");
}

struct span http_request_header(const struct http_request *r, const char *name) {
  return http_header_find(r->headers, r->header_count, name);
}

struct span http_request_only_header(const struct http_request *r, const char *name) {
  return http_header_only(r->headers, r->header_count, name);
}

bool http_request_has_token(const struct http_request *r, const char *name, const char *token) {
  return http_header_has_token(r->headers, r->header_count, name, token);
}

// ---- Lines ----

static enum http_progress fail(struct http_request *r, int status, const char *text) {
  r->failure = (struct http_failure){status, text};
  return HTTP_BAD;
}

// The line that is read into `line`, from line_at on.
static enum http_cut cut_line(struct http_request *r, struct buf *line, struct span *in, size_t max,
                              struct http_failure too_long) {
  struct http_failure failure = too_long;
  enum http_cut cut = http_line_cut(line, r->line_at, in, max, &failure);
  if (cut == HTTP_CUT_BAD) r->failure = failure;
  return cut;
}

// Gives llhttp the next piece of the message. False: it finds fault.
static bool parse(struct http_request *r, const char *p, size_t n) {
  llhttp_errno_t rc = llhttp_execute(&r->parser, p, n);
  return rc == HPE_OK || (rc == HPE_PAUSED_UPGRADE && r->message_done);
}

static struct span span_of_part(const struct http_request *r, struct part part) {
  if (!r->head.data) return (struct span){NULL, 0};
  return (struct span){r->head.data + part.at, part.n};
}

static struct part part_of(const struct http_request *r, const char *at, size_t n) {
  return (struct part){(uint16_t)(at - r->head.data), (uint16_t)n};
}

static bool is_blank(struct span line) {
  return line.n == 2;
}

// ---- The request line ----

// Why llhttp refuses a request line that has passed the checks above.
static enum http_progress fail_request_line(struct http_request *r) {
  switch (llhttp_get_errno(&r->parser)) {
  case HPE_INVALID_METHOD:
  case HPE_INVALID_CONSTANT: // a method of RTSP or ICE
    return fail(r, 501, "unsupported method");
  case HPE_INVALID_URL: return fail(r, 400, "malformed request target");
  default: return fail(r, 400, "malformed request line");
  }
}

// Cuts "http://host/path" down to "/path" and keeps the authority.
static enum http_progress cut_absolute_form(struct http_request *r, struct span target) {
  struct span authority, origin;
  r->failure = http_rules_split_absolute(target, &authority, &origin);
  if (r->failure.status) return HTTP_BAD;
  if (origin.n == 0 || origin.p[0] == '?') {
    // The path is empty, which means "/": room for it is made by moving the authority forward.
    char *at = r->head.data + (authority.p - r->head.data);
    memmove(at - 1, at, authority.n);
    at[authority.n - 1] = '/';
    authority.p--;
    origin.p--, origin.n++;
  }
  r->authority = part_of(r, authority.p, authority.n);
  r->target = part_of(r, origin.p, origin.n);
  return HTTP_MORE;
}

static enum http_progress read_request_line(struct http_request *r) {
  struct span line = buf_span(&r->head);
  struct http_request_line parts;
  r->failure = http_rules_split_line((struct span){line.p, line.n - 2}, &parts);
  if (r->failure.status) return HTTP_BAD;
  if (!parse(r, line.p, line.n)) return fail_request_line(r);
  r->http10 = parts.http10;
  r->method = part_of(r, parts.method.p, parts.method.n);
  r->target = part_of(r, parts.target.p, parts.target.n);
  r->stage = AT_HEADERS;
  r->line_at = r->head.len;
  bool is_absolute = parts.target.p[0] != '/' && parts.target.p[0] != '*';
  return is_absolute ? cut_absolute_form(r, parts.target) : HTTP_MORE;
}

static enum http_progress take_request_line(struct http_request *r, struct span *in) {
  static const struct http_failure TOO_LONG = {414, "request line too long"};
  enum http_cut cut = cut_line(r, &r->head, in, HTTP_LINE_MAX, TOO_LONG);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (!is_blank(buf_span(&r->head))) return read_request_line(r);
  if (++r->blank_lines > BLANK_LINES_MAX) return fail(r, 400, "empty lines in place of a request");
  r->head.len = 0;
  return HTTP_MORE;
}

// ---- Headers ----

static int on_header_field(llhttp_t *parser, const char *at, size_t n) {
  struct http_request *r = parser->data;
  if (r->stage == AT_HEADERS) r->lines[r->line_count].name = part_of(r, at, n);
  return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n) {
  struct http_request *r = parser->data;
  if (r->stage != AT_HEADERS) return 0;
  struct span value = span_trim((struct span){at, n});
  r->lines[r->line_count].value = part_of(r, value.p, value.n);
  return 0;
}

// Bytes that one more header or trailer line may have.
static size_t header_room(const struct http_request *r) {
  if (r->line_count >= HTTP_HEADERS_MAX || r->header_bytes + 2 >= HTTP_HEAD_MAX) return 0;
  return HTTP_HEAD_MAX - r->header_bytes - 2;
}

static struct http_failure too_many_headers(const struct http_request *r) {
  bool count = r->line_count >= HTTP_HEADERS_MAX;
  return (struct http_failure){431, count ? "too many header lines" : "header lines too long"};
}

// Why llhttp refuses a header line.
static enum http_progress fail_header_line(struct http_request *r) {
  switch (llhttp_get_errno(&r->parser)) {
  case HPE_UNEXPECTED_CONTENT_LENGTH: return fail(r, 400, AMBIGUOUS_LENGTH);
  case HPE_INVALID_CONTENT_LENGTH: return fail(r, 400, "malformed Content-Length");
  case HPE_INVALID_TRANSFER_ENCODING: // version 9 also says this of one behind a Content-Length
    if ((r->parser.flags & F_CONTENT_LENGTH) != 0) return fail(r, 400, AMBIGUOUS_LENGTH);
    return fail(r, 400, "malformed Transfer-Encoding");
  default: return fail(r, 400, "malformed header");
  }
}

// Makes spans of the parts, now that `head` stays where it is.
static void build_headers(struct http_request *r) {
  r->headers = mem_alloc((r->line_count + 1) * sizeof *r->headers);
  r->header_count = r->line_count;
  for (size_t i = 0; i < r->line_count; i++) {
    r->headers[i].name = span_of_part(r, r->lines[i].name);
    r->headers[i].value = span_of_part(r, r->lines[i].value);
  }
}

// The authority of an absolute-form target replaces the Host header (RFC 9112 section 3.2.2).
static void replace_host(struct http_request *r) {
  struct http_header *host = r->headers;
  struct http_header *end = r->headers + r->header_count;
  while (host < end && !span_eq_nocase(host->name, SPAN("host")))
    host++;
  if (host == end) r->header_count++;
  if (host == end) host->name = SPAN("Host");
  host->value = span_of_part(r, r->authority);
}

static enum http_progress end_head(struct http_request *r) {
  bool continues;
  build_headers(r);
  r->failure = http_rules_check_headers(r->headers, r->header_count, r->http10, &continues);
  if (r->failure.status) return HTTP_BAD;
  if (r->authority.n > 0) replace_host(r);
  if (!parse(r, r->head.data + r->line_at, 2)) return fail_header_line(r);

  bool chunked = http_request_header(r, "transfer-encoding").p != NULL;
  bool sized = http_request_header(r, "content-length").p != NULL;
  r->left = sized ? r->parser.content_length : 0;
  if (r->left > r->max_body) return fail(r, 413, "body too large");
  if (!chunked && r->left == 0) return HTTP_COMPLETE;
  assert(!r->message_done);
  r->stage = chunked ? AT_CHUNK_LINE : AT_BODY;
  r->line_at = 0;
  r->header_bytes = 0;
  r->line_count = 0;
  return continues ? HTTP_CONTINUE : HTTP_MORE;
}

static enum http_progress take_header_line(struct http_request *r, struct span *in) {
  enum http_cut cut = cut_line(r, &r->head, in, header_room(r), too_many_headers(r));
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  struct span line = {r->head.data + r->line_at, r->head.len - r->line_at};
  if (is_blank(line)) return end_head(r);
  if (line.p[0] == ' ' || line.p[0] == '\t')
    return fail(r, 400, "header line that begins with a blank");
  if (!parse(r, line.p, line.n)) return fail_header_line(r);
  // llhttp takes an empty name; other names it checks, when it was compiled to be strict.
  if (!http_token_is_valid(span_of_part(r, r->lines[r->line_count].name)))
    return fail(r, 400, "malformed header");
  r->line_count++;
  r->header_bytes += line.n;
  r->line_at = r->head.len;
  return HTTP_MORE;
}

// ---- Bodies ----

static enum http_progress take_body(struct http_request *r, struct span *in) {
  size_t n = in->n < r->left ? in->n : (size_t)r->left;
  int rc = buf_append(&r->body, in->p, n);
  assert(rc == 0);
  in->p += n, in->n -= n;
  r->left -= n;
  return r->left == 0 ? HTTP_COMPLETE : HTTP_MORE;
}

static int on_chunk_header(llhttp_t *parser) {
  struct http_request *r = parser->data;
  r->left = parser->content_length;
  return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n) {
  struct http_request *r = parser->data;
  return buf_append(&r->body, at, n) == 0 ? 0 : HPE_USER;
}

static int on_message_complete(llhttp_t *parser) {
  struct http_request *r = parser->data;
  r->message_done = true;
  return 0;
}

// Reads a line of a chunked body into `framing`.
static enum http_cut cut_framing(struct http_request *r, struct span *in, size_t max,
                                 struct http_failure too_long, struct span *line) {
  enum http_cut cut = cut_line(r, &r->framing, in, max, too_long);
  *line = buf_span(&r->framing);
  if (cut == HTTP_CUT_LINE) r->framing.len = 0;
  return cut;
}

static enum http_progress take_chunk_line(struct http_request *r, struct span *in) {
  struct span line;
  enum http_cut cut = cut_framing(r, in, CHUNK_LINE_MAX + r->extension_room,
                                  (struct http_failure){400, "chunk extensions too long"}, &line);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (line.n - 2 > CHUNK_LINE_MAX) r->extension_room -= line.n - 2 - CHUNK_LINE_MAX;
  // llhttp gets the size alone: extensions are to be ignored, and version 8.1 trips over quoted
  // ones.
  const char *extension = memchr(line.p, ';', line.n);
  size_t digits = extension ? (size_t)(extension - line.p) : line.n - 2;
  if (!parse(r, line.p, digits) || !parse(r, "\r\n", 2)) return fail(r, 400, "malformed chunk");
  if (r->left > r->max_body - r->body.len) return fail(r, 413, "body too large");
  r->stage = r->left > 0 ? AT_CHUNK_DATA : AT_TRAILERS;
  return HTTP_MORE;
}

static enum http_progress take_chunk_data(struct http_request *r, struct span *in) {
  size_t n = in->n < r->left ? in->n : (size_t)r->left;
  bool parsed = parse(r, in->p, n);
  assert(parsed);
  in->p += n, in->n -= n;
  r->left -= n;
  if (r->left == 0) r->stage = AT_CHUNK_END;
  return HTTP_MORE;
}

static enum http_progress take_chunk_end(struct http_request *r, struct span *in) {
  struct span line;
  enum http_cut cut =
      cut_framing(r, in, 0, (struct http_failure){400, "chunk longer than its size"}, &line);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (!parse(r, line.p, line.n)) return fail(r, 400, "malformed chunk");
  r->stage = AT_CHUNK_LINE;
  return HTTP_MORE;
}

// Trailers are checked like headers, counted like headers, and dropped.
static enum http_progress take_trailer_line(struct http_request *r, struct span *in) {
  struct span line;
  enum http_cut cut = cut_framing(r, in, header_room(r), too_many_headers(r), &line);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (!is_blank(line) && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == ':'))
    return fail(r, 400, "malformed trailer");
  if (!parse(r, line.p, line.n)) return fail(r, 400, "malformed trailer");
  if (is_blank(line)) {
    assert(r->message_done);
    return HTTP_COMPLETE;
  }
  r->line_count++;
  r->header_bytes += line.n;
  return HTTP_MORE;
}
