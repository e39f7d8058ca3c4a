#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

// Socket addresses as text and back. Any thread; address_resolve may block on DNS.

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/err.h"

// Room for any numeric address, "%scope" included, and its NUL.
#define ADDRESS_TEXT_MAX 64

struct address {
  struct sockaddr_storage storage;
  socklen_t size;
};

// Finds what to listen on. `host` is a name, an address, or "unix:/path". *list gets up to `max`
// candidates in the resolver's order. Returns their number, or a negative result with *err saying
// "bad host ...".
int address_resolve(const char *host, uint16_t port, struct address *list, int max,
                    struct err *err);

// The address that a numeric host stands for ("127.0.0.1", "::1", "[fe80::1%eth0]"). False: it is a
// name. Never blocks.
bool address_parse(const char *host, uint16_t port, struct address *a);

// The path behind "unix:", or NULL.
const char *address_unix_path(const char *host);

// Numeric text ("127.0.0.1", "::1"; IPv4 mapped into IPv6 as IPv4; "" for a unix socket) and the
// port (0 for a unix socket).
void address_text(const struct address *a, char text[ADDRESS_TEXT_MAX], uint16_t *port);

#endif
