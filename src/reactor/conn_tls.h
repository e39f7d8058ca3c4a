#ifndef REACTOR_CONN_TLS_H
#define REACTOR_CONN_TLS_H

// What TLS means for a connection: its handshake, its failures, its peer's certificate. Loop
// thread.

#include <stdbool.h>
#include "base/span.h"
#include "net/tls_context.h"

struct conn;

// Speaks TLS in the server role over the socket that has just been accepted.
void conn_tls_accept(struct conn *c, struct tls_context *context);

// The client role, over the transport that it has. `server_name`: see tls_new.
void conn_tls_connect(struct conn *c, struct tls_context *context, const char *server_name);

// Whether the handshake is still to be done.
bool conn_tls_is_shaking(const struct conn *c);

bool conn_tls_is_on(const struct conn *c);

// The transport has told TRANSPORT_FAILED: logs a handshake that has failed, and ends
// the connection; the peer still gets the alert.
void conn_tls_failed(struct conn *c);

// A request without TLS has come to a port that has it: it is answered with a 400.
void conn_tls_plain(struct conn *c);

// What the script is told of the client's certificate, as `struct event_request` says.
#define CONN_TLS_FACTS 8

struct conn_tls_facts {
  unsigned count; // 0: it has shown none
  struct conn_tls_fact {
    struct span name;
    struct span value;
  } list[CONN_TLS_FACTS];
  struct tls_certificate *certificate; // what they point into
};

// conn_tls_facts_deinit follows.
void conn_tls_facts_init(struct conn_tls_facts *facts, const struct conn *c);
void conn_tls_facts_deinit(struct conn_tls_facts *facts);

#endif
