#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

// What a server answers a client's request, read from bytes as they come: the head (llhttp
// underneath, strict, plus the checks it leaves out), and of the body so much as an error message
// may quote. Pure: no socket, no clock.

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"
#include "http/header.h"
#include "http/message.h"

#define HTTP_REPLY_BODY_MAX    1024 // bytes that are kept of a body
#define HTTP_REPLY_INTERIM_MAX 16   // answers like 100 and 103 that may come before the real one

struct http_reply; // private

// To a request that is neither HEAD nor CONNECT; and to CONNECT, where a 2xx has no body, whatever
// it says of one: what follows its head are the tunnel's bytes (RFC 9110 section 9.3.6).
struct http_reply *http_reply_new(void);
struct http_reply *http_reply_new_to_connect(void);
void http_reply_free(struct http_reply *r);

// Takes bytes; *used says how many: all of them unless it returns HTTP_COMPLETE or HTTP_BAD, after
// which it isn't to be called again. HTTP_COMPLETE: the head of a 101 is whole, and what follows
// are frames; or that of a tunnel's 2xx; or another answer is, with as much of its body as is kept.
// Never HTTP_CONTINUE: interim answers are passed over.
enum http_progress http_reply_feed(struct http_reply *r, const char *p, size_t n, size_t *used);

// The connection has ended before HTTP_COMPLETE or HTTP_BAD: is what has come an answer, whole or
// with a body cut short (HTTP_COMPLETE), or none (HTTP_BAD)?
enum http_progress http_reply_end(struct http_reply *r);

// What HTTP_BAD means: one line for people, static, e.g. "malformed status line".
const char *http_reply_failure(const struct http_reply *r);

// Whether anything has come.
bool http_reply_has_begun(const struct http_reply *r);

// The parts; good after HTTP_COMPLETE, until free. Spans point into the reply.
int http_reply_status(const struct http_reply *r);         // 101, or 200-599
struct span http_reply_reason(const struct http_reply *r); // "Not Found"; may be empty
bool http_reply_is_http10(const struct http_reply *r);
size_t http_reply_header_count(const struct http_reply *r);
const struct http_header *http_reply_headers(const struct http_reply *r);
struct span http_reply_body(const struct http_reply *r); // its start, decoded

#endif
