#ifndef HTTP_RULES_H
#define HTTP_RULES_H

// What a request's head must obey beyond the grammar that llhttp knows. Pure. The checks return
// what is wrong, or a failure with status 0.

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"
#include "http/request.h"

// The text of the 501 for a body that cannot be read.
#define HTTP_UNKNOWN_CODING "only the transfer coding \"chunked\" is supported"

struct http_request_line {
  struct span method;
  struct span target;
  bool http10;
};

// Takes a request line (without its line end) apart: a method in capital letters (but not
// CONNECT), a target of printable ASCII without a fragment, HTTP/1.0 or 1.1.
struct http_failure http_rules_split_line(struct span line, struct http_request_line *parts);

// Takes an absolute-form target ("http://host:port/path?query") apart. *origin is what follows the
// authority: it begins with "/" or "?", or is empty.
struct http_failure http_rules_split_absolute(struct span target, struct span *authority,
                                              struct span *origin);

// One Host (RFC 9112 section 3.2), one way of framing the body (section 6), no expectation but
// 100-continue (RFC 9110 section 10.1.1). *continues: the client expects it.
struct http_failure http_rules_check_headers(const struct http_header *headers, size_t count,
                                             bool http10, bool *continues);

#endif
