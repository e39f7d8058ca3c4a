// Replies from bytes. Pure. Lines and their limits are http/head's, bodies http/body's.

#include "http/reply.h"

#include <assert.h>
#include "base/mem.h"
#include "http/body.h"
#include "http/head.h"
#include "http/response.h"

enum stage { AT_STATUS_LINE, AT_HEADERS, AT_BODY, AT_END };

struct http_reply {
  enum stage stage;
  int status;
  bool http10;
  bool is_to_connect;
  int interim_count;
  struct http_part reason;
  struct http_head head;
  struct http_body body;
};

static enum http_progress take_status_line(struct http_reply *r, struct span *in);
static enum http_progress take_headers(struct http_reply *r, struct span *in);

struct http_reply *http_reply_new(void) {
  struct http_reply *r = mem_zalloc(sizeof *r);
  http_head_init(&r->head, HTTP_RESPONSE);
  http_body_init(&r->body, HTTP_REPLY_BODY_MAX, true);
  return r;
}

struct http_reply *http_reply_new_to_connect(void) {
  struct http_reply *r = http_reply_new();
  r->is_to_connect = true;
  return r;
}

void http_reply_free(struct http_reply *r) {
  if (!r) return;
  http_head_deinit(&r->head);
  http_body_deinit(&r->body);
  mem_free(r);
}

enum http_progress http_reply_feed(struct http_reply *r, const char *p, size_t n, size_t *used) {
  assert(r->stage != AT_END);
  struct span in = {p, n};
  enum http_progress progress = HTTP_MORE;
  while (in.n > 0 && progress == HTTP_MORE) {
    switch (r->stage) {
    case AT_STATUS_LINE: progress = take_status_line(r, &in); break;
    case AT_HEADERS: progress = take_headers(r, &in); break;
    case AT_BODY: progress = http_body_feed(&r->body, &r->head, &in); break;
    case AT_END: break;
    }
  }
  *used = n - in.n;
  if (progress != HTTP_MORE) r->stage = AT_END;
  return progress;
}

enum http_progress http_reply_end(struct http_reply *r) {
  assert(r->stage != AT_END);
  bool has_head = r->stage == AT_BODY;
  bool has_begun = http_reply_has_begun(r);
  r->stage = AT_END;
  if (has_head) return HTTP_COMPLETE;
  return http_head_fail(&r->head, 0, has_begun ? "the answer broke off" : "no answer");
}

const char *http_reply_failure(const struct http_reply *r) {
  return r->head.failure.text;
}

bool http_reply_has_begun(const struct http_reply *r) {
  return r->stage != AT_STATUS_LINE || r->head.text.len > 0 || r->interim_count > 0;
}

int http_reply_status(const struct http_reply *r) {
  return r->status;
}

struct span http_reply_reason(const struct http_reply *r) {
  return http_head_span(&r->head, r->reason);
}

bool http_reply_is_http10(const struct http_reply *r) {
  return r->http10;
}

size_t http_reply_header_count(const struct http_reply *r) {
  return r->head.header_count;
}

const struct http_header *http_reply_headers(const struct http_reply *r) {
  return r->head.headers;
}

struct span http_reply_body(const struct http_reply *r) {
  return buf_span(&r->body.bytes);
}

// ---- The status line ----

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "HTTP/1.1 404 Not Found" (RFC 9112 section 4), without its line end. The blank behind the status
// is there even where no reason follows.
static bool split_status_line(struct http_reply *r, struct span line) {
  const char *p = line.p;
  if (line.n < 13 || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1')) return false;
  if (p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) || p[12] != ' ')
    return false;
  r->http10 = p[7] == '0';
  r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
  r->reason = http_head_part(&r->head, (struct span){p + 13, line.n - 13});
  return r->status >= 100 && r->status <= 599;
}

static enum http_progress take_status_line(struct http_reply *r, struct span *in) {
  static const struct http_failure TOO_LONG = {0, "status line too long"};
  enum http_cut cut = http_head_take_first(&r->head, in, TOO_LONG);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  struct span line = buf_span(&r->head.text);
  if (!split_status_line(r, (struct span){line.p, line.n - 2}) ||
      !http_head_parse(&r->head, line.p, line.n))
    return http_head_fail(&r->head, 0, "malformed status line");
  r->stage = AT_HEADERS;
  http_head_end_first(&r->head);
  return HTTP_MORE;
}

// ---- The rest ----

// An answer like 103 Early Hints is over: the next one follows.
static enum http_progress pass_interim(struct http_reply *r) {
  if (++r->interim_count > HTTP_REPLY_INTERIM_MAX)
    return http_head_fail(&r->head, 0, "too many interim answers");
  http_head_deinit(&r->head);
  http_head_init(&r->head, HTTP_RESPONSE);
  r->stage = AT_STATUS_LINE;
  return HTTP_MORE;
}

// RFC 9112 section 6.3. What is in a coding that can't be read isn't kept. Both a length and a
// coding llhttp has refused.
static enum http_progress begin_body(struct http_reply *r) {
  struct http_head *h = &r->head;
  struct span length, coding;
  size_t lengths = http_header_count(h->headers, h->header_count, "content-length", &length);
  size_t codings = http_header_count(h->headers, h->header_count, "transfer-encoding", &coding);
  bool is_tunnel = r->is_to_connect && r->status < 300;
  if (is_tunnel || !http_status_has_body(r->status)) return HTTP_COMPLETE;
  bool is_chunked = codings == 1 && span_eq_nocase(coding, SPAN("chunked"));
  if (codings > 0 && !is_chunked) return HTTP_COMPLETE;
  r->stage = AT_BODY;
  if (is_chunked) return http_body_begin_chunked(&r->body);
  return http_body_begin(&r->body, h, lengths > 0 ? h->parser.content_length : UINT64_MAX);
}

static enum http_progress take_headers(struct http_reply *r, struct span *in) {
  enum http_cut cut = http_head_take_headers(&r->head, in);
  if (cut != HTTP_CUT_LINE) return cut == HTTP_CUT_BAD ? HTTP_BAD : HTTP_MORE;
  if (!http_head_end(&r->head)) return HTTP_BAD;
  if (r->status == 101) return HTTP_COMPLETE;
  return r->status < 200 ? pass_interim(r) : begin_body(r);
}
