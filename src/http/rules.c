// The rules for a request's head. Pure.

#include "http/rules.h"

#include "http/token.h"
#include "http/url.h"

static const struct http_failure FINE = {0, NULL};

static struct http_failure fail(int status, const char *text);
static struct http_failure check_method(struct span method);
static struct http_failure check_path(struct span target);
static struct http_failure check_version(struct span version);
static struct http_failure check_codings(const struct http_header *headers, size_t count);

struct http_failure http_rules_split_line(struct span line, struct http_request_line *parts) {
  const char *end = line.p + line.n;
  const char *first = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
  const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
  if (!second) return fail(400, "malformed request line");
  struct span version = {second + 1, (size_t)(end - second - 1)};
  parts->method = (struct span){line.p, (size_t)(first - line.p)};
  parts->target = (struct span){first + 1, (size_t)(second - first - 1)};
  struct http_failure failure = check_version(version);
  if (!failure.status) failure = check_method(parts->method);
  if (!failure.status) failure = http_rules_check_target(parts->target, parts->method);
  parts->http10 = !failure.status && version.p[7] == '0';
  return failure;
}

struct http_failure http_rules_check_target(struct span target, struct span method) {
  for (size_t i = 0; i < target.n; i++) {
    unsigned char c = (unsigned char)target.p[i];
    if (c <= ' ' || c >= 0x7f) return fail(400, "unencoded character in the request target");
    if (c == '#') return fail(400, "fragment in the request target");
  }
  if (target.n == 0) return fail(400, "malformed request line");
  bool whole_server = span_eq(target, SPAN("*")) && span_eq(method, SPAN("OPTIONS"));
  if (target.p[0] == '*' && !whole_server) return fail(400, "malformed request target");
  return target.p[0] == '/' ? check_path(target) : FINE;
}

struct http_failure http_rules_split_absolute(struct span target, struct span *authority,
                                              struct span *origin) {
  size_t scheme = 0;
  if (span_begins_nocase(target, SPAN("http://"))) scheme = 7;
  if (span_begins_nocase(target, SPAN("https://"))) scheme = 8;
  if (scheme == 0) return fail(400, "malformed request target");
  size_t end = scheme;
  while (end < target.n && target.p[end] != '/' && target.p[end] != '?')
    end++;
  *authority = (struct span){target.p + scheme, end - scheme};
  *origin = (struct span){target.p + end, target.n - end};
  struct span host, port;
  if (!http_url_split_authority(*authority, &host, &port) || host.n == 0)
    return fail(400, "malformed host in the request target");
  return check_path(*origin);
}

struct http_failure http_rules_check_headers(const struct http_header *headers, size_t count,
                                             bool http10, bool *continues) {
  struct span value, host, port;
  size_t hosts = http_header_count(headers, count, "host", &value);
  if (hosts > 1) return fail(400, "two Host headers");
  if (hosts == 0 && !http10) return fail(400, "no Host header");
  if (hosts == 1 && !http_url_split_authority(value, &host, &port))
    return fail(400, "malformed Host header");

  size_t lengths = http_header_count(headers, count, "content-length", &value);
  size_t codings = http_header_count(headers, count, "transfer-encoding", &value);
  if (lengths > 1) return fail(400, "two Content-Length headers");
  if (lengths > 0 && codings > 0) return fail(400, "Content-Length with Transfer-Encoding");
  if (codings > 0 && http10) return fail(400, "Transfer-Encoding in HTTP/1.0");
  struct http_failure failure = codings > 0 ? check_codings(headers, count) : FINE;
  if (failure.status) return failure;

  // HTTP/1.0 knows no expectations.
  size_t expectations = http10 ? 0 : http_header_count(headers, count, "expect", &value);
  if (expectations > 1 || (expectations == 1 && !span_eq_nocase(value, SPAN("100-continue"))))
    return fail(417, "only \"Expect: 100-continue\" is supported");
  *continues = expectations == 1;
  return FINE;
}

static struct http_failure fail(int status, const char *text) {
  return (struct http_failure){status, text};
}

static struct http_failure check_method(struct span method) {
  if (!http_token_is_valid(method)) return fail(400, "malformed method");
  for (size_t i = 0; i < method.n; i++)
    if (method.p[i] >= 'a' && method.p[i] <= 'z') return fail(400, "method not in capital letters");
  // The last two belong to ICE and HTTP/2; llhttp would let them pass.
  if (span_eq(method, SPAN("CONNECT")) || span_eq(method, SPAN("SOURCE")) ||
      span_eq(method, SPAN("PRI")))
    return fail(501, "unsupported method");
  return FINE;
}

// The host may hold anything that a host may; of the query, what can't be decoded is the script's.
static struct http_failure check_path(struct span target) {
  while (target.n > 0 && target.p[0] != '?')
    if (http_url_next_char(&target) <= 0) return fail(400, "bad percent-encoding in the path");
  return FINE;
}

static struct http_failure check_version(struct span version) {
  const char *p = version.p;
  bool formed = version.n == 8 && memcmp(p, "HTTP/", 5) == 0 && p[5] >= '0' && p[5] <= '9' &&
                p[6] == '.' && p[7] >= '0' && p[7] <= '9';
  if (!formed) return fail(400, "malformed request line");
  if (p[5] != '1' || p[7] > '1') return fail(505, "only HTTP/1.0 and HTTP/1.1 are supported");
  return FINE;
}

// The element of a list without its parameters.
static struct span name_of_coding(struct span coding) {
  const char *mark = coding.n > 0 ? memchr(coding.p, ';', coding.n) : NULL;
  if (mark) coding.n = (size_t)(mark - coding.p);
  return span_trim(coding);
}

// RFC 9112 section 6.3: where "chunked" isn't the last coding, nobody knows where the body ends.
// "chunked" has no parameters, and nothing may come twice or behind it.
static struct http_failure check_codings(const struct http_header *headers, size_t count) {
  static const char MALFORMED[] = "malformed Transfer-Encoding";
  bool is_chunked = false, has_others = false;
  for (size_t i = 0; i < count; i++) {
    struct span rest = headers[i].value, coding;
    if (!span_eq_nocase(headers[i].name, SPAN("transfer-encoding"))) continue;
    while (http_token_next(&rest, &coding)) {
      if (is_chunked || !http_token_is_valid(name_of_coding(coding))) return fail(400, MALFORMED);
      is_chunked = span_eq_nocase(coding, SPAN("chunked"));
      if (!is_chunked) has_others = true;
    }
  }
  if (!is_chunked) return fail(400, MALFORMED);
  if (has_others) return fail(501, "only the transfer coding \"chunked\" is supported");
  return FINE;
}
