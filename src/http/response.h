#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

// Heads of HTTP responses, written. Pure. Functions that append return 0, or ERR_TOO_BIG: then
// nothing has been appended.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/date.h"
#include "http/header.h"

// The standard phrase for a status; "Unknown" for one that has none.
const char *http_status_text(int status);

// Whether a response of that status may have a body: not 1xx, 204, 205, 304 (RFC 9110
// sections 15.2, 15.3.5, 15.3.6, 15.4.5).
bool http_status_has_body(int status);

// Headers that luaws writes itself and a script may not set: Content-Length, Transfer-Encoding,
// Connection, Upgrade, Date, Sec-WebSocket-Accept, -Protocol, -Extensions, -Version.
bool http_header_is_reserved(struct span name);

// Appends "HTTP/1.1 <status> <text>\r\n". `status`: 100-999.
int http_response_line(struct buf *out, int status);

// Appends "<name>: <value>\r\n".
int http_response_header(struct buf *out, struct span name, struct span value);

// Appends Date (IMF-fixdate of `unix_time`), Content-Length (unless `length` is UINT64_MAX),
// Connection: keep-alive or close, and the empty line.
int http_response_end(struct buf *out, uint64_t unix_time, uint64_t length, bool keep_alive);

// A whole small response with a one-line text body ("text\n", Content-Type text/plain): how luaws
// itself refuses. `extra`: further header lines with CR LF, may be empty. `head_only`: for HEAD.
// Always adds X-Content-Type-Options: nosniff.
int http_response_text(struct buf *out, int status, const char *text, struct span extra,
                       uint64_t unix_time, bool keep_alive, bool head_only);

#endif
