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

// An address, or a range of them in CIDR notation ("10.0.0.0/8", "2001:db8::/32").
struct http_ip_range {
  struct http_ip ip;
  uint8_t prefix; // bits of it that count
};

enum http_ip_fault {
  HTTP_IP_FINE,
  HTTP_IP_NO_ADDRESS,
  HTTP_IP_BAD_PREFIX_V4, // not a number from 0 to 32
  HTTP_IP_BAD_PREFIX_V6, // not a number from 0 to 128
  HTTP_IP_BITS_BEHIND,   // bits behind the prefix are set; *range is good all the same
};

enum http_ip_fault http_ip_range_read(struct span text, struct http_ip_range *range);
bool http_ip_range_has(const struct http_ip_range *range, const struct http_ip *ip);

#endif
