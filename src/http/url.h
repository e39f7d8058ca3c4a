#ifndef HTTP_URL_H
#define HTTP_URL_H

// Request targets: path and query, percent-decoding. Pure.

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/span.h"

// Splits "/a/b?x=1" at the first "?". *query is empty (.p NULL) when there is none.
void http_url_split(struct span target, struct span *path, struct span *query);

// Percent-decodes `in` onto `out`. `plus`: "+" becomes a blank (queries). 0, ERR_INVALID for a "%"
// without two hex digits, ERR_TOO_BIG; on an error nothing is appended.
int http_url_decode(struct buf *out, struct span in, bool plus);

// Takes one character of the decoded text off the front of *in, which is not empty: 0-255, or -1
// for a "%" without two hex digits. What http_url_decode is made of, for whoever needs no copy.
int http_url_next_char(struct span *in);

// Steps through the segments of a path ("/a/b/" has "a", "b" and ""). *rest starts as the path and
// must begin with "/". False: no more.
bool http_url_next_segment(struct span *rest, struct span *segment);

// Steps through "a=1&b&c=" (still encoded; a name without "=" has an empty value; empty pieces are
// skipped). *rest starts as the query. False: no more.
bool http_url_next_pair(struct span *rest, struct span *name, struct span *value);

// Splits "host[:port]" (RFC 9110 section 7.2; "[::1]" keeps its brackets) and checks both. The host
// may be empty; *port has .p NULL when there is no ":". False: malformed.
bool http_url_split_authority(struct span authority, struct span *host, struct span *port);

#endif
