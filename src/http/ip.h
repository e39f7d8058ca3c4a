#ifndef HTTP_IP_H
#define HTTP_IP_H

// IP addresses as headers and settings write them. Pure: the socket layer's own functions are none
// of this layer's business.

#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

// Room for an address and its NUL: as much as net/address.h has.
#define HTTP_IP_TEXT_MAX 64

// 16 bytes; IPv4 is mapped into IPv6 (::ffff:0:0/96), so that one comparison does for both.
struct http_ip {
  uint8_t bytes[16];
};

// Four decimal numbers without leading zeros ("192.0.2.1"), or the forms of RFC 4291 section 2.2
// ("2001:db8::1", "::ffff:192.0.2.1"), without port, brackets or zone. False: it is neither.
bool http_ip_read(struct span text, struct http_ip *ip);

// The one way to write it: as RFC 5952 has it, IPv4 and what is mapped as IPv4.
void http_ip_write(const struct http_ip *ip, char text[HTTP_IP_TEXT_MAX]);

bool http_ip_is_v4(const struct http_ip *ip);

#endif
