// The rules for a request's head. Pure.

#include "http/rules.h"

#include "http/token.h"
#include "http/url.h"

static const struct http_failure FINE = {0, NULL};

static struct http_failure fail(int status, const char *text);
static struct http_failure check_method(struct span method);
static struct http_failure check_target(struct span target);
static struct http_failure check_version(struct span version);
static size_t count_headers(const struct http_header *headers, size_t count, struct span name,
                            struct span *last);

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
  if (!failure.status) failure = check_target(parts->target);
  parts->http10 = !failure.status && version.p[7] == '0';
  return failure;
}

struct http_failure http_rules_split_absolute(struct span target, struct span *authority,
                                              struct span *origin) {
  size_t scheme = 0;
  if (target.n >= 7 && strncasecmp(target.p, "http://", 7) == 0) scheme = 7;
  if (target.n >= 8 && strncasecmp(target.p, "https://", 8) == 0) scheme = 8;
  if (scheme == 0) return fail(400, "malformed request target");
  size_t end = scheme;
  while (end < target.n && target.p[end] != '/' && target.p[end] != '?')
    end++;
  *authority = (struct span){target.p + scheme, end - scheme};
  *origin = (struct span){target.p + end, target.n - end};
  struct span host, port;
  if (!http_url_split_authority(*authority, &host, &port) || host.n == 0)
    return fail(400, "malformed host in the request target");
  return FINE;
}

struct http_failure http_rules_check_headers(const struct http_header *headers, size_t count,
                                             bool http10, bool *continues) {
  struct span value, host, port;
  size_t hosts = count_headers(headers, count, SPAN("host"), &value);
  if (hosts > 1) return fail(400, "two Host headers");
  if (hosts == 0 && !http10) return fail(400, "no Host header");
  if (hosts == 1 && !http_url_split_authority(value, &host, &port))
    return fail(400, "malformed Host header");

  size_t lengths = count_headers(headers, count, SPAN("content-length"), &value);
  size_t codings = count_headers(headers, count, SPAN("transfer-encoding"), &value);
  if (lengths > 1) return fail(400, "two Content-Length headers");
  if (lengths > 0 && codings > 0) return fail(400, "Content-Length with Transfer-Encoding");
  if (codings > 0 && http10) return fail(400, "Transfer-Encoding in HTTP/1.0");
  if (codings > 1 || (codings == 1 && !span_eq_nocase(value, SPAN("chunked"))))
    return fail(501, HTTP_UNKNOWN_CODING);

  // HTTP/1.0 knows no expectations.
  size_t expectations = http10 ? 0 : count_headers(headers, count, SPAN("expect"), &value);
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

static struct http_failure check_target(struct span target) {
  for (size_t i = 0; i < target.n; i++) {
    unsigned char c = (unsigned char)target.p[i];
    if (c <= ' ' || c >= 0x7f) return fail(400, "unencoded character in the request target");
    if (c == '#') return fail(400, "fragment in the request target");
  }
  if (target.n == 0) return fail(400, "malformed request line");
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

// How many headers have that name, and the value of the last one.
static size_t count_headers(const struct http_header *headers, size_t count, struct span name,
                            struct span *last) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    if (!span_eq_nocase(headers[i].name, name)) continue;
    *last = headers[i].value;
    found++;
  }
  return found;
}
