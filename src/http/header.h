#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

// Header fields, as a request or a reply has them: looked up, and checked. Pure.

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"

struct http_header {
  struct span name;  // as sent; compare with span_eq_nocase
  struct span value; // without blanks around it
};

// The first header of that name (any case); .p is NULL when there is none.
struct span http_header_find(const struct http_header *headers, size_t count, const char *name);

// How many headers have that name; *last, unless there is none, is the value of the last one.
size_t http_header_count(const struct http_header *headers, size_t count, const char *name,
                         struct span *last);

// The header of that name; .p is NULL when there is none, or more than one.
struct span http_header_only(const struct http_header *headers, size_t count, const char *name);

// Whether a comma-separated list header (possibly repeated) has the token, without regard to case.
bool http_header_has_token(const struct http_header *headers, size_t count, const char *name,
                           const char *token);

// Whether a name is a token and a value is free of CR, LF, NUL and other control characters
// (RFC 9110 section 5.5): what a script may put into a header.
bool http_header_name_is_valid(struct span name);
bool http_header_value_is_valid(struct span value);

#endif
