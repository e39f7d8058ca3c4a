// Requests from bytes. Pure. Lines and their limits are http/head's, bodies http/body's, what a
// head must obey http/rules'.

#include "http/request.h"

#include <assert.h>
#include "base/mem.h"
#include "http/body.h"
#include "http/head.h"
#include "http/rules.h"

enum {
  HEAD_USUAL = 1024,   // room made for a head, if so much has come
  BLANK_LINES_MAX = 4, // before a request line (RFC 9112 section 2.2)
};

enum stage {
  AT_REQUEST_LINE,
  AT_HEADERS,
  AT_BODY,
  AT_END, // the request has ended, well or badly
};

struct http_request {
  size_t max_body;
  enum stage stage;
  int blank_lines; // skipped before the request line
  bool http10;
  struct http_part method, target;
  struct http_part authority; // of an absolute-form target, else n is 0
  struct http_head head;
  struct http_body body;
};

static enum http_progress take_request_line(struct http_request *r, struct span *in);
static enum http_progress take_headers(struct http_request *r, struct span *in);

struct http_request *http_request_new(size_t max_body) {
  struct http_request *r = mem_zalloc(sizeof *r);
  r->max_body = max_body;
  http_request_reset(r);
  return r;
}

void http_request_free(struct http_request *r) {
  if (!r) return;
  http_head_deinit(&r->head);
  http_body_deinit(&r->body);
  mem_free(r);
}

void http_request_reset(struct http_request *r) {
  size_t max_body = r->max_body;
  http_head_deinit(&r->head);
  http_body_deinit(&r->body);
  *r = (struct http_request){.max_body = max_body};
  http_head_init(&r->head, HTTP_REQUEST);
  http_body_init(&r->body, max_body, false);
}

enum http_progress http_request_feed(struct http_request *r, const char *p, size_t n,
                                     size_t *used) {
  assert(r->stage != AT_END);
  struct span in = {p, n};
  enum http_progress progress = HTTP_MORE;
  if (!r->head.text.data) buf_reserve(&r->head.text, n < HEAD_USUAL ? n : HEAD_USUAL);
  while (in.n > 0 && progress == HTTP_MORE) {
    switch (r->stage) {
    case AT_REQUEST_LINE: progress = take_request_line(r, &in); break;
    case AT_HEADERS: progress = take_headers(r, &in); break;
    case AT_BODY: progress = http_body_feed(&r->body, &r->head, &in); break;
    case AT_END: break;
    }
  }
  *used = n - in.n;
  if (progress != HTTP_MORE && progress != HTTP_CONTINUE) r->stage = AT_END;
  return progress;
}

struct http_failure http_request_failure(const struct http_request *r) {
  return r->head.failure;
}

bool http_request_has_begun(const struct http_request *r) {
  return r->stage != AT_REQUEST_LINE || r->head.text.len > 0;
}

bool http_request_has_head(const struct http_request *r) {
  return r->stage > AT_HEADERS;
}

struct span http_request_method(const struct http_request *r) {
  return http_head_span(&r->head, r->method);
}

struct span http_request_target(const struct http_request *r) {
  return http_head_span(&r->head, r->target);
}

size_t http_request_header_count(const struct http_request *r) {
  return r->head.header_count;
}

const struct http_header *http_request_headers(const struct http_request *r) {
  return r->head.headers;
}

struct span http_request_body(const struct http_request *r) {
  return buf_span(&r->body.bytes);
}

bool http_request_is_http10(const struct http_request *r) {
  return r->http10;
}

bool http_request_keep_alive(const struct http_request *r) {
  if (http_request_has_token(r, "connection", "close")) return false;
  return !r->http10 || http_request_has_token(r, "connection", "keep-alive");
}

struct span http_request_header(const struct http_request *r, const char *name) {
  return http_header_find(r->head.headers, r->head.header_count, name);
}

struct span http_request_only_header(const struct http_request *r, const char *name) {
  return http_header_only(r->head.headers, r->head.header_count, name);
}

bool http_request_has_token(const struct http_request *r, const char *name, const char *token) {
  return http_header_has_token(r->head.headers, r->head.header_count, name, token);
}

// ---- The request line ----

// Why llhttp refuses a request line that has passed the checks above.
static enum http_progress fail_request_line(struct http_request *r) {
  switch (llhttp_get_errno(&r->head.parser)) {
  case HPE_INVALID_METHOD:
  case HPE_INVALID_CONSTANT: // a method of RTSP or ICE
    return http_head_fail(&r->head, 501, "unsupported method");
  case HPE_INVALID_URL: return http_head_fail(&r->head, 400, "malformed request target");
  default: return http_head_fail(&r->head, 400, "malformed request line");
  }
}

// Cuts "http://host/path" down to "/path" and keeps the authority.
static enum http_progress cut_absolute_form(struct http_request *r, struct span target) {
  struct span authority, origin;
  r->head.failure = http_rules_split_absolute(target, &authority, &origin);
  if (r->head.failure.status) return HTTP_BAD;
  if (origin.n == 0 || origin.p[0] == '?') {
    // The path is empty, which means "/": room for it is made by moving the authority forward.
    char *at = r->head.text.data + (authority.p - r->head.text.data);
    memmove(at - 1, at, authority.n);
    at[authority.n - 1] = '/';
    authority.p--;
    origin.p--, origin.n++;
  }
  r->authority = http_head_part(&r->head, authority);
  r->target = http_head_part(&r->head, origin);
  return HTTP_MORE;
}

static enum http_progress read_request_line(struct http_request *r) {
  struct span line = buf_span(&r->head.text);
  struct http_request_line parts = {.method = {line.p, 0}};
  r->head.failure = http_rules_split_line((struct span){line.p, line.n - 2}, &parts);
  r->method = http_head_part(&r->head, parts.method); // HEAD gets no body even with a bad target
  if (r->head.failure.status) return HTTP_BAD;
  if (!http_head_parse(&r->head, line.p, line.n)) return fail_request_line(r);
  r->http10 = parts.http10;
  r->target = http_head_part(&r->head, parts.target);
  r->stage = AT_HEADERS;
  http_head_end_first(&r->head);
  bool is_absolute = parts.target.p[0] != '/' && parts.target.p[0] != '*';
  return is_absolute ? cut_absolute_form(r, parts.target) : HTTP_MORE;
}

static enum http_progress take_request_line(struct http_request *r, struct span *in) {
  static const struct http_failure TOO_LONG = {414, "request line too long"};
  enum http_cut cut = http_head_take_first(&r->head, in, TOO_LONG);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (!http_head_is_blank(buf_span(&r->head.text))) return read_request_line(r);
  if (++r->blank_lines > BLANK_LINES_MAX)
    return http_head_fail(&r->head, 400, "empty lines in place of a request");
  http_head_drop_first(&r->head);
  return HTTP_MORE;
}

// ---- The rest of the head ----

// The authority of an absolute-form target replaces the Host header (RFC 9112 section 3.2.2).
static void replace_host(struct http_request *r) {
  struct http_header *host = r->head.headers;
  struct http_header *end = r->head.headers + r->head.header_count;
  while (host < end && !span_eq_nocase(host->name, SPAN("host")))
    host++;
  if (host == end) r->head.header_count++;
  if (host == end) host->name = SPAN("Host");
  host->value = http_head_span(&r->head, r->authority);
}

static enum http_progress end_head(struct http_request *r) {
  struct http_head *h = &r->head;
  bool continues;
  h->failure = http_rules_check_headers(h->headers, h->header_count, r->http10, &continues);
  if (h->failure.status) return HTTP_BAD;
  if (r->authority.n > 0) replace_host(r);
  if (!http_head_end(h)) return HTTP_BAD;

  bool is_chunked = http_request_header(r, "transfer-encoding").p != NULL;
  bool is_sized = http_request_header(r, "content-length").p != NULL;
  uint64_t length = is_sized ? h->parser.content_length : 0;
  enum http_progress progress =
      is_chunked ? http_body_begin_chunked(&r->body) : http_body_begin(&r->body, h, length);
  if (progress != HTTP_MORE) return progress;
  assert(!h->message_done);
  r->stage = AT_BODY;
  return continues ? HTTP_CONTINUE : HTTP_MORE;
}

static enum http_progress take_headers(struct http_request *r, struct span *in) {
  enum http_cut cut = http_head_take_headers(&r->head, in);
  if (cut == HTTP_CUT_LINE) return end_head(r);
  return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
}
