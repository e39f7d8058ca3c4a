#ifndef HTTP_CONDITION_H
#define HTTP_CONDITION_H

// Conditional requests and ranges (RFC 9110 sections 13 and 14): what a GET or HEAD of something
// that has validators should be answered with. Pure.

#include <stdint.h>
#include "http/request.h"

struct http_validators {
  const char *etag;      // strong, with its quotes
  int64_t last_modified; // seconds since 1970
};

// Goes through If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of
// section 13.2.2: 412, 304, or 200 when the request shall be carried out. `now`: seconds since
// 1970.
int http_condition_check(const struct http_request *r, const struct http_validators *v,
                         uint64_t now);

// Which part of `size` bytes a GET asks for: 206 with *offset and *length; 416 when the range lies
// outside; 200 with the whole when there is no Range, it is malformed, names several ranges, comes
// twice, or If-Range says that the client's part is of something older.
int http_condition_range(const struct http_request *r, const struct http_validators *v,
                         uint64_t size, uint64_t now, uint64_t *offset, uint64_t *length);

#endif
