#ifndef HTTP_NOPROXY_H
#define HTTP_NOPROXY_H

// NO_PROXY: which hosts a client connects to directly, though there is a proxy. No standard says
// how it is read; this is as curl has it, with ports besides. Pure.

#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

// Whether `list`, whose entries stand between commas or blanks, names `host` (as in a URL:
// "example.com", "192.0.2.1", "[::1]"). An entry is
// - "*": every host;
// - "example.com", ".example.com" or "*.example.com": that name and all below it, in any case;
// never
//   an address;
// - an address, or a range of them ("192.0.2.1", "10.0.0.0/8", "::1", "2001:db8::/32"): such a
// host,
//   when it is given as an address: names aren't resolved for this;
// - a name or an address with a port ("example.com:8080", "[::1]:8080"): only with that port.
// What is neither of these is passed over. Loopback addresses and "localhost" are hosts like
// others.
bool http_noproxy_has(struct span list, struct span host, uint16_t port);

#endif
