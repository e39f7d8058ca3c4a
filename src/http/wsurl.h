#ifndef HTTP_WSURL_H
#define HTTP_WSURL_H

// The URL that a client connects to, and that of a proxy on the way there. Pure.

#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

#define HTTP_WSURL_MAX  65536 // bytes of a URL
#define HTTP_HOST_MAX   253   // characters of a host name
#define HTTP_PORT_PLAIN 80    // the ports that a URL needn't name
#define HTTP_PORT_TLS   443

struct http_wsurl {
  bool is_secure;      // wss; of a proxy: https
  char *host;          // as it stands there: "example.com", "192.0.2.1", "[::1]"
  uint16_t port;       // the scheme's own when the URL has none
  char *target;        // what a request asks for: "/chat?x=1", "/" for an empty path
  char *authorization; // what the header says for the user info: "Basic ..."; NULL: there is none
};

// Reads "ws://[user[:password]@]host[:port][/path][?query]", or the same with wss (RFC 6455
// section 3). Everything but user info and query must be as it goes out: nothing is encoded here.
// NULL, and *u is to be given to http_wsurl_deinit; or what is wrong with the URL, for people,
// static, as it may follow "malformed URL: "; then *u is as that leaves it.
const char *http_wsurl_read(struct http_wsurl *u, struct span text);

// The same for an HTTP proxy: "http://[user[:password]@]host[:port][/]", or the same with https.
// Without a scheme it is http, as environments often have it.
const char *http_wsurl_read_proxy(struct http_wsurl *u, struct span text);

// Frees the strings; all members are zero then. Who wants to keep one takes it out before.
void http_wsurl_deinit(struct http_wsurl *u);

#endif
