#ifndef HTTP_PROXIES_H
#define HTTP_PROXIES_H

// Reverse proxies that are trusted to say whose requests they pass on: a set of addresses, and what
// X-Forwarded-For and X-Forwarded-Proto mean when such a proxy has sent them. Pure.
//
// The header Forwarded (RFC 7239) is not read: a proxy that is set up to write the others passes on
// what a client has written there.

#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "http/ip.h"
#include "http/request.h"

struct http_proxies; // private

// Whether `entry` can be one of the set: an IPv4 or IPv6 address, a range of them in CIDR notation,
// or "unix:", which stands for whoever comes through a unix socket. NULL, or why not, as the end of
// a sentence that begins with the entry.
const char *http_proxies_check(struct span entry);

// The set of checked entries, which a NULL ends.
struct http_proxies *http_proxies_new(char *const *entries);
void http_proxies_free(struct http_proxies *p);

struct http_client {
  char address[HTTP_IP_TEXT_MAX]; // "" when it isn't known: a unix socket, and nothing said
  uint16_t port;                  // 0 when it isn't known
  bool secure;                    // it speaks https or wss
};

// Corrects *client, which comes as the peer itself (IPv4 addresses as such, "" for a unix socket),
// by what the request's headers say. Nothing is believed of a peer that isn't in the set, and
// nothing in X-Forwarded-For that stands before (left of) an address that isn't in it, or before
// something that is no address.
void http_proxies_correct(const struct http_proxies *p, const struct http_request *r,
                          struct http_client *client);

#endif
