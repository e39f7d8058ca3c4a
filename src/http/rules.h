#ifndef HTTP_RULES_H
#define HTTP_RULES_H

// What a request's head must obey beyond the grammar that llhttp knows. Pure. The checks return
// what is wrong, or a failure with status 0.

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"
#include "http/request.h"

struct http_request_line {
  struct span method;
  struct span target;
  bool http10;
};

// Takes a request line (without its line end) apart: a method in capital letters (but not
// CONNECT), a target, HTTP/1.0 or 1.1.
struct http_failure http_rules_split_line(struct span line, struct http_request_line *parts);

// A target of printable ASCII without a fragment. One that begins with "/" has a path that is
// encoded well and has no NUL; one that begins with "*" is just that, of OPTIONS.
struct http_failure http_rules_check_target(struct span target, struct span method);

// Takes an absolute-form target ("http://host:port/path?query") apart. *origin is what follows the
// authority: it begins with "/" or "?", or is empty; its path is encoded well and has no NUL.
struct http_failure http_rules_split_absolute(struct span target, struct span *authority,
                                              struct span *origin);

// One Host (RFC 9112 section 3.2), one way of framing the body (section 6): a Transfer-Encoding
// that doesn't end in "chunked", or has it twice, is 400, one with other codings before it 501. No
// expectation but
// 100-continue (RFC 9110 section 10.1.1). *continues: the client expects it.
struct http_failure http_rules_check_headers(const struct http_header *headers, size_t count,
                                             bool http10, bool *continues);

#endif
