#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

// Whether a browser's Origin may connect (RFC 6455 section 10.2). Pure.

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"

// Checks the form of an allowed value: "https://example.com", "https://*.example.com:8443", "*",
// "null". Scheme and host are compared without regard to case; the port as a browser writes it.
bool http_origin_pattern_is_valid(struct span pattern);

// Whether `origin` (as sent) matches one of `patterns`. A "*" label stands for exactly one label.
bool http_origin_matches(struct span origin, const struct span *patterns, size_t count);

// The default rule: the origin's host name equals that of the Host header, whatever the ports.
bool http_origin_is_same_host(struct span origin, struct span host);

#endif
