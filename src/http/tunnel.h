#ifndef HTTP_TUNNEL_H
#define HTTP_TUNNEL_H

// A way through an HTTP proxy: the request for it, and what the answer means (RFC 9110 section
// 9.3.6). Pure.

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/reply.h"

struct http_tunnel {
  const char *host;          // to where, as it stands in a URL: "example.com", "[::1]"
  uint16_t port;             // not 0
  const char *authorization; // the value of Proxy-Authorization; NULL: none
};

// Appends the request. Host and authorization are as http/wsurl.h gives them. 0, or ERR_TOO_BIG:
// then nothing is appended.
int http_tunnel_write(struct buf *out, const struct http_tunnel *t);

// Whether a complete reply (http_reply_new_to_connect) opens the tunnel.
bool http_tunnel_is_open(const struct http_reply *r);

// What most often lies behind another status, for people: "" or " (...)".
const char *http_tunnel_hint(int status);

#endif
