#ifndef HTTP_DEFLATE_H
#define HTTP_DEFLATE_H

// The negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1) in the opening handshake, for
// both roles. What is negotiated is done in ws/deflate. Pure.
//
// zlib can't compress with a window of 8 bits, but it decompresses such data with one of 9: so the
// bits agreed upon are always 9 to 15.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "http/request.h"

// What this side wants, in either direction.
struct http_deflate_policy {
  uint8_t window_bits; // 9 to 15, at most
  bool context_takeover;
};

// What both sides hold to: the window that each compresses with, and whether its messages may refer
// to earlier ones.
struct http_deflate {
  uint8_t server_bits;
  uint8_t client_bits;
  bool server_takeover;
  bool client_takeover;
};

// Room for what a Sec-WebSocket-Extensions header says, and its NUL.
#define HTTP_DEFLATE_ANSWER_MAX 160
#define HTTP_DEFLATE_OFFER_MAX  160

// The server's side, for a request that http_handshake_check has passed: takes the first offer that
// can be met. False: there is none, the connection goes on uncompressed. What is declined: an offer
// with a parameter that is unknown, comes twice or has a bad value (section 7.1), or that wants a
// window of 8 bits of the server.
bool http_deflate_accept(const struct http_request *r, const struct http_deflate_policy *policy,
                         struct http_deflate *agreed, char answer[HTTP_DEFLATE_ANSWER_MAX]);

// The client's side: writes its only offer.
void http_deflate_offer(const struct http_deflate_policy *policy,
                        char offer[HTTP_DEFLATE_OFFER_MAX]);

// Checks the extensions in the server's answer to that offer; `policy` NULL: to none. NULL is fine:
// *is_on tells whether the server has taken it, and *agreed is filled then. Else what is wrong, for
// people: the client must fail the connection (section 5.1).
const char *http_deflate_check(const struct http_header *headers, size_t count,
                               const struct http_deflate_policy *policy,
                               struct http_deflate *agreed, bool *is_on);

#endif
