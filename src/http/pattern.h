#ifndef HTTP_PATTERN_H
#define HTTP_PATTERN_H

// Path patterns of WebSocket servers: "/chat", "/rooms/:room", "/files/*". Matched segment by
// segment on decoded segments, case-sensitive; the pattern's own text may be percent-encoded too. A
// ":name" and a "*" stand for one segment that is not empty; a "*" that is last for all the rest
// (one or more segments, which may be empty: "/files/*" matches "/files/", but not "/files"). Pure;
// a pattern is immutable once made, any thread.

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/span.h"

struct http_pattern; // private

#define HTTP_PATTERN_SEGMENTS_MAX 32

// Parses a pattern; NULL `path` (.p NULL) is the pattern that matches every path. Returns NULL when
// it is malformed; then *why says so in static words that follow "path '...' " ("must start with
// '/'", "has the same name twice", ...).
struct http_pattern *http_pattern_new(struct span path, const char **why);
void http_pattern_free(struct http_pattern *p);

// The text it was made from; .p NULL for "every path".
struct span http_pattern_text(const struct http_pattern *p);

// One ":name" (or "*" under the name "*", when it is last: the rest of the path, joined by "/") and
// what stood there, decoded. The name points into the pattern.
struct http_param {
  struct span name;
  struct span value;
};

// Matches the path of a request (up to "?", still encoded). 1: matches, 0: doesn't, ERR_INVALID:
// the path has a bad percent-encoding, whether or not the rest would match. `values` (may be NULL:
// only tell) receives the decoded values, `params` up to HTTP_PATTERN_SEGMENTS_MAX of them, *count
// their number; they point into `values`. ERR_TOO_BIG: `values` cannot hold them.
int http_pattern_match(const struct http_pattern *p, struct span path, struct buf *values,
                       struct http_param *params, size_t *count);

// Which of two patterns is the more specific, segment by segment: literal, ":name", "*", no path.
// Negative: a; positive: b; 0: they match the same requests ("taken"), which also goes for "/:a/x"
// and "/*/x", and for "/*" and no path. A total order: of those that match a path, the first one
// is the most specific.
int http_pattern_compare(const struct http_pattern *a, const struct http_pattern *b);

#endif
