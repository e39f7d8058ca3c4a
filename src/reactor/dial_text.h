#ifndef REACTOR_DIAL_TEXT_H
#define REACTOR_DIAL_TEXT_H

// What is said of a client's dialing that has come to nothing: errors for people. `to` is whom it
// dialed ("example.com:80", "the proxy 10.0.0.1:3128"). Loop thread.

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct client_config;
struct http_reply;
struct tls;

// Whom it dials: the server, or the proxy that it goes through. Cut to fit.
void dial_text_server(const struct client_config *config, char *to, size_t size);
void dial_text_proxy(const struct client_config *config, char *to, size_t size);

// The host as a certificate names it: an IPv6 address without its brackets. Cut to fit.
void dial_text_name(const char *host, char *name, size_t size);

// The request can't be written.
void dial_text_unsaid(const char *to, const char *why, struct err *err);

// The answer is no answer, or a 101 that must not be believed.
void dial_text_bad_answer(const char *to, const char *why, struct err *err);

// A whole answer with another status: tells it, with the beginning of the body, or where it points.
void dial_text_refused(const char *to, const struct http_reply *reply, struct err *err);

// The proxy gives no tunnel.
void dial_text_no_tunnel(const char *to, const struct client_config *config,
                         const struct http_reply *reply, struct err *err);

// The other side has ended the connection. `has_begun`: in the midst of its answer.
void dial_text_ended(const char *to, bool has_begun, struct err *err);

// The socket has failed: a negative errno.
void dial_text_lost(const char *to, int error, struct err *err);

// TLS has found something wrong.
void dial_text_tls(const char *to, const struct tls *t, struct err *err);

// connectTimeout is over, while this was awaited. For a name `to` is the host alone.
enum dial_late { DIAL_LATE_NAME, DIAL_LATE_TLS, DIAL_LATE_ANSWER, DIAL_LATE_REST };
void dial_text_late(enum dial_late what, const char *to, double seconds, struct err *err);

#endif
