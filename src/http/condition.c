// Conditional requests and ranges. Pure.

#include "http/condition.h"

#include "http/date.h"

enum strength { STRONG, WEAK };

static bool lists_etag(const struct http_request *r, const char *name, const char *etag,
                       enum strength strength);
static bool has_date(const struct http_request *r, const char *name, uint64_t now, int64_t *date);
static bool is_same_version(struct span if_range, const struct http_validators *v, uint64_t now);
static bool split_range(struct span range, struct span *first, struct span *last);
static uint64_t number_of(struct span digits);

int http_condition_check(const struct http_request *r, const struct http_validators *v,
                         uint64_t now) {
  int64_t date;
  if (http_request_header(r, "if-match").p) {
    if (!lists_etag(r, "if-match", v->etag, STRONG)) return 412;
  } else if (has_date(r, "if-unmodified-since", now, &date) && v->last_modified > date) {
    return 412;
  }
  if (http_request_header(r, "if-none-match").p)
    return lists_etag(r, "if-none-match", v->etag, WEAK) ? 304 : 200;
  if (has_date(r, "if-modified-since", now, &date) && v->last_modified <= date) return 304;
  return 200;
}

int http_condition_range(const struct http_request *r, const struct http_validators *v,
                         uint64_t size, uint64_t now, uint64_t *offset, uint64_t *length) {
  struct span first, last;
  struct span range = http_request_only_header(r, "range"), if_range;
  *offset = 0;
  *length = size;
  if (!range.p || !split_range(range, &first, &last)) return 200;
  size_t conditions = http_header_count(http_request_headers(r), http_request_header_count(r),
                                        "if-range", &if_range);
  if (conditions > 1 || (conditions == 1 && !is_same_version(if_range, v, now))) return 200;

  if (first.n == 0) { // the last so many bytes
    uint64_t suffix = number_of(last);
    if (suffix == 0) return 416;
    if (size == 0) return 200; // satisfiable, but Content-Range cannot say so
    *length = suffix < size ? suffix : size;
    *offset = size - *length;
    return 206;
  }
  uint64_t from = number_of(first);
  uint64_t to = last.n > 0 ? number_of(last) : UINT64_MAX;
  if (to < from) return 200; // malformed
  if (from >= size) return 416;
  if (to >= size) to = size - 1;
  *offset = from;
  *length = to - from + 1;
  return 206;
}

// Takes one entity tag off the front of a list; false: no more, or malformed.
static bool next_etag(struct span *rest, struct span *etag, bool *weak) {
  while (rest->n > 0 && (rest->p[0] == ',' || rest->p[0] == ' ' || rest->p[0] == '\t'))
    rest->p++, rest->n--;
  *weak = rest->n >= 2 && memcmp(rest->p, "W/", 2) == 0;
  if (*weak) rest->p += 2, rest->n -= 2;
  if (rest->n < 2 || rest->p[0] != '"') return false;
  const char *end = memchr(rest->p + 1, '"', rest->n - 1);
  if (!end) return false;
  *etag = (struct span){rest->p, (size_t)(end + 1 - rest->p)};
  rest->p += etag->n, rest->n -= etag->n;
  return true;
}

// Whether a list of entity tags, possibly repeated, holds `etag` or is "*". Compared strongly, tags
// that are weak equal none.
static bool lists_etag(const struct http_request *r, const char *name, const char *etag,
                       enum strength strength) {
  const struct http_header *headers = http_request_headers(r);
  for (size_t i = 0; i < http_request_header_count(r); i++) {
    struct span rest = headers[i].value, tag;
    bool weak;
    if (!span_eq_nocase(headers[i].name, span_of(name))) continue;
    if (span_eq(rest, SPAN("*"))) return true;
    while (next_etag(&rest, &tag, &weak))
      if (span_eq(tag, span_of(etag)) && (strength == WEAK || !weak)) return true;
  }
  return false;
}

// A date that cannot be read, or comes with another, counts as not sent.
static bool has_date(const struct http_request *r, const char *name, uint64_t now, int64_t *date) {
  struct span value = http_request_only_header(r, name);
  return value.p && http_date_parse(value, now, date);
}

// If-Range, section 13.1.5. A date is a strong validator only when the file did not change in the
// second that it names, which is sure when that second is over.
static bool is_same_version(struct span if_range, const struct http_validators *v, uint64_t now) {
  int64_t date;
  if (span_eq(if_range, span_of(v->etag))) return true;
  return http_date_parse(if_range, now, &date) && date == v->last_modified && date < (int64_t)now;
}

static bool is_digits(struct span s) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '0' || s.p[i] > '9') return false;
  return true;
}

// "bytes=first-last", "bytes=first-" or "bytes=-last". False for anything else, also a list.
static bool split_range(struct span range, struct span *first, struct span *last) {
  if (!span_begins_nocase(range, SPAN("bytes="))) return false;
  struct span spec = span_trim((struct span){range.p + 6, range.n - 6});
  const char *dash = spec.n > 0 ? memchr(spec.p, '-', spec.n) : NULL;
  if (!dash) return false;
  *first = (struct span){spec.p, (size_t)(dash - spec.p)};
  *last = (struct span){dash + 1, spec.n - first->n - 1};
  return is_digits(*first) && is_digits(*last) && first->n + last->n > 0;
}

// UINT64_MAX for what is larger.
static uint64_t number_of(struct span digits) {
  uint64_t number = 0;
  for (size_t i = 0; i < digits.n; i++) {
    unsigned digit = (unsigned)(digits.p[i] - '0');
    if (number > (UINT64_MAX - digit) / 10) return UINT64_MAX;
    number = number * 10 + digit;
  }
  return number;
}
