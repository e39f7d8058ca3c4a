#ifndef HTTP_HANDSHAKE_H
#define HTTP_HANDSHAKE_H

// The opening handshake, RFC 6455 section 4: what a server checks and answers. The client's side
// is http/opening. Pure.

#include <stdbool.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/request.h"

#define HTTP_ACCEPT_SIZE   28 // characters of Sec-WebSocket-Accept
#define HTTP_PROTOCOLS_MAX 64 // subprotocols that a client may offer; over it: 400

enum http_upgrade {
  HTTP_UPGRADE_NONE,      // an ordinary request: no "Upgrade: websocket"
  HTTP_UPGRADE_WEBSOCKET, // a valid WebSocket upgrade
  HTTP_UPGRADE_BAD,       // one that asks for an upgrade and gets it wrong: answer `failure`
};

// Decides what a complete request is (section 4.2.1): GET, HTTP/1.1, Upgrade: websocket,
// Connection: Upgrade, one Sec-WebSocket-Key of 16 bytes in base64, Sec-WebSocket-Version 13, no
// body, lists of subprotocols and extensions that can be read, at most one Origin. On
// HTTP_UPGRADE_BAD *failure is filled: 400, 405 (the answer must carry Allow: GET), or 426 for
// another version (the answer must carry Sec-WebSocket-Version: 13). An upgrade to anything but
// websocket is an ordinary request.
enum http_upgrade http_handshake_check(const struct http_request *r, struct http_failure *failure);

// Sec-WebSocket-Accept for a checked key: SHA-1 of key + GUID, base64 (section 4.2.2). Not
// terminated.
void http_handshake_accept(struct span key, char out[HTTP_ACCEPT_SIZE]);

// Goes through the offered subprotocols in order, over repeated headers. *at starts zeroed.
// False: no more. A malformed list was refused by http_handshake_check.
struct http_protocol_iter {
  size_t header;
  size_t offset;
};
bool http_handshake_next_protocol(const struct http_request *r, struct http_protocol_iter *at,
                                  struct span *protocol);

// Writes the 101 head. `protocol` and `extensions` may be empty (.n 0). `extra`: further header
// lines as they stand, each with CR LF, checked by the caller; may be empty. 0, or ERR_TOO_BIG:
// then nothing is written.
int http_handshake_write(struct buf *out, struct span key, struct span protocol,
                         struct span extensions, struct span extra);

#endif
