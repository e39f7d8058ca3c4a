#ifndef NET_TLS_H
#define NET_TLS_H

// TLS as a transport over a transport: over TCP, or over TLS again. The handshake happens by itself
// as soon as the one below is ready. Loop thread.

#include <stdbool.h>
#include "base/err.h"
#include "net/tls_context.h"
#include "net/transport.h"

struct tls;

// TLS over the open transport `under`, whose user it becomes. `user` hears of tls_transport(t), and
// finds `owner` by tls_owner. `server_name` NULL: the server role. Else the client's: the peer's
// certificate has to be for this name or address, unless the context believes anybody. Takes a
// reference to `context`. Reading is watched at first.
//
// recv and send return TRANSPORT_AGAIN until the handshake is done; on_ready tells of it as soon as
// what is watched is possible. Bytes count as sent when they have been encrypted: what the kernel
// doesn't take of two records is kept here, and nothing further is taken before it is gone. recv
// returns 0 for the peer's close_notify alone: an end without it is a TRANSPORT_FAILED. finish
// sends a close_notify, and FIN behind all that waits. After a failure, finish sends what there is
// (the alert that tells the peer), and recv reads to the end of what is below, dropping it.
// close frees it, when `user` has been told on_closed.
struct tls *tls_new(struct tls_context *context, struct transport *under,
                    const struct transport_user *user, void *owner, const char *server_name);

struct transport *tls_transport(struct tls *t);

// Whether that transport is one of these; tls_of is for such alone.
bool tls_is(const struct transport *t);
struct tls *tls_of(struct transport *t);

// May be called until on_closed has returned.
void *tls_owner(struct transport *t);

// Whether the handshake is done.
bool tls_is_open(const struct tls *t);

// Why recv or send has returned TRANSPORT_FAILED: component OSSL, the text is for people.
void tls_failure(const struct tls *t, struct err *err);

// Whether that is only an end without close_notify, as peers and networks make it when they go
// away.
bool tls_is_cut_off(const struct tls *t);

// Goes away from over `under`, which stays open and is the caller's again, who sets its user. What
// has been read of it is dropped. Not from within a callback of t's but on_ready.
void tls_remove(struct tls *t);

// The certificate that the peer has shown and that was found good. Strings are mem_dup's.
struct tls_certificate {
  char *subject; // as in RFC 2253: "CN=ann,O=Example"
  char *issuer;
  char *serial;      // hexadecimal
  char *fingerprint; // SHA-256, "AB:CD:..."
  char *valid_from;  // "2026-01-31T12:00:00Z"
  char *valid_to;
  char *alt_names; // "DNS:a.example, IP Address:127.0.0.1"; "": none
  char *pem;
};

// False: it has shown none.
bool tls_peer_certificate(const struct tls *t, struct tls_certificate *certificate);
void tls_certificate_deinit(struct tls_certificate *certificate);

#endif
