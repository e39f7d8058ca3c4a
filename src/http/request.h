#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

// An HTTP/1.x request, read from bytes as they come (llhttp underneath, strict, plus the checks it
// leaves out). Pure: no socket, no clock. One struct serves one connection's requests one after
// the other; an upgraded connection has none.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/header.h"
#include "http/message.h"

// Ceilings are those of http/message.h: a longer request line is 414, larger headers are 431.

struct http_request; // private

// `max_body`: bytes; a larger body is HTTP_BAD with 413 from its announced length, or as soon as
// its chunks exceed it.
struct http_request *http_request_new(size_t max_body);
void http_request_free(struct http_request *r);

// Forgets the current request, keeps the limits: for the next one on the same connection.
void http_request_reset(struct http_request *r);

// Takes bytes; *used says how many (all of them unless the request has ended: what follows then
// belongs to the next request, or to the WebSocket). Not to be called again after
// HTTP_COMPLETE or HTTP_BAD without a reset.
enum http_progress http_request_feed(struct http_request *r, const char *p, size_t n, size_t *used);

// What HTTP_BAD means: answer with its status, 400, 413, 414, 417, 431, 501 or 505, then close.
struct http_failure http_request_failure(const struct http_request *r);

// Whether anything of a request has arrived (false between two requests: an idle keep-alive).
bool http_request_has_begun(const struct http_request *r);

// Whether the head is whole (and a body may be on its way).
bool http_request_has_head(const struct http_request *r);

// The parts; good once the head is whole, until reset or free. Spans point into the request.
struct span http_request_method(const struct http_request *r); // "GET"; of a bad one what it has

// The target in origin form: "/chat?x=1" (an absolute-form target is cut down), its path encoded
// well and without a NUL; or "*", which only OPTIONS has.
struct span http_request_target(const struct http_request *r);

size_t http_request_header_count(const struct http_request *r);
const struct http_header *http_request_headers(const struct http_request *r);
struct span http_request_body(const struct http_request *r);
bool http_request_is_http10(const struct http_request *r);
bool http_request_keep_alive(const struct http_request *r); // RFC 9112 section 9.3

// What http/header.h says of these, for the request's.
struct span http_request_header(const struct http_request *r, const char *name);
struct span http_request_only_header(const struct http_request *r, const char *name);
bool http_request_has_token(const struct http_request *r, const char *name, const char *token);

#endif
