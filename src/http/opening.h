#ifndef HTTP_OPENING_H
#define HTTP_OPENING_H

// The opening handshake, RFC 6455 section 4.1, as a client begins it: the request, and what is an
// answer to it. The server's side is http/handshake. Pure: who dials brings the random bytes.

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/header.h"
#include "http/reply.h"

#define HTTP_KEY_SIZE 24 // characters of Sec-WebSocket-Key

// What a client asks for. Everything is checked: it may come from a script or a user.
struct http_opening {
  struct span host;   // as it stands in a URL: "example.com", "192.0.2.1", "[::1]"
  uint16_t port;      // it stands in Host unless it is the scheme's own, 80 or 443
  bool is_secure;     // wss
  struct span target; // "/chat?x=1"
  char key[HTTP_KEY_SIZE];

  const struct span *protocols; // subprotocols offered, in order of preference
  size_t protocol_count;
  struct span extensions; // what Sec-WebSocket-Extensions shall say; may be empty

  const struct http_header *headers; // further ones
  size_t header_count;
};

// Fills o->key with 16 bytes that nobody can guess, as base64.
void http_opening_set_key(struct http_opening *o, const unsigned char random[16]);

// Headers that the client writes itself, or that would change what it sends: those of the
// handshake, Host, and all that frame a message or a connection.
bool http_opening_is_reserved(struct span header);

// Appends the request. 0; ERR_INVALID: *why says what is wrong, static; ERR_TOO_BIG. On an error
// nothing is appended.
int http_opening_write(struct buf *out, const struct http_opening *o, const char **why);

enum http_answer {
  HTTP_ANSWER_WEBSOCKET, // frames follow
  HTTP_ANSWER_REFUSED,   // another status than 101
  HTTP_ANSWER_BAD,       // a 101 that must not be believed: fail the connection
};

// Decides what a complete reply means: HTTP/1.1, Upgrade: websocket and nothing else, Connection
// with the token, one Sec-WebSocket-Accept for our key, at most one subprotocol, of those offered.
// *protocol (in the reply) may be empty. *why, static, on HTTP_ANSWER_BAD. What it says of
// extensions is http_deflate_check's.
enum http_answer http_opening_check(const struct http_opening *o, const struct http_reply *r,
                                    struct span *protocol, const char **why);

#endif
