#ifndef HTTP_STATIC_H
#define HTTP_STATIC_H

// Static files as arithmetic: which name a path stands for, its type, its validators, the range
// asked for, the head of the answer. It opens nothing: files are reactor/files'. Pure.

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/request.h"

// Turns a request's path (still encoded) into a relative file name in `out` ("chat/index.html",
// "" for the root folder), NUL-terminated. Dot segments, empty segments in the middle, NUL,
// backslashes and names that begin with "." are not served. 0; ERR_INVALID: a bad encoding or a
// NUL (400); ERR_CLOSED: a path that is never served (404); ERR_TOO_BIG (404).
// *is_folder: the path ended in "/".
int http_static_path(struct buf *out, struct span path, bool *is_folder);

// Content-Type by extension, with charset for text; "application/octet-stream" for unknown ones.
const char *http_static_type(const char *name);

struct http_file {
  uint64_t size;
  int64_t mtime_ns; // nanoseconds since 1970
  uint64_t inode;
};

#define HTTP_ETAG_SIZE 56
// A strong ETag with its quotes, NUL-terminated.
void http_static_etag(char out[HTTP_ETAG_SIZE], const struct http_file *file);

// What to send for a GET or HEAD of `file`: fills the head of the answer (status line to the empty
// line) and the part of the file that follows it. 200; 206 with one range (If-Range respected;
// several ranges: the whole file, as RFC 9110 section 14.2 allows); 304 (If-None-Match, else
// If-Modified-Since); 412 (If-Match, If-Unmodified-Since); 416 with Content-Range. `type` is the
// Content-Type. *offset, *length: what to send from the file (length 0 for HEAD, 304, 412, 416).
// Returns the status, or ERR_TOO_BIG.
int http_static_respond(struct buf *head, const struct http_request *r,
                        const struct http_file *file, const char *type, uint64_t unix_time,
                        bool keep_alive, uint64_t *offset, uint64_t *length);

#endif
