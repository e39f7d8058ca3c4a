#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

// One side of TLS made ready: certificates, keys, whom to trust, versions and ciphers. Immutable
// once made, and shared by all connections of all reactors. Any thread.

#include <stdbool.h>
#include <stddef.h>
#include "base/counted.h"
#include "base/err.h"
#include "base/tls_settings.h"

#define TLS_FINGERPRINT_MAX 96 // "AB:CD:...": 32 bytes, and a NUL

struct tls_context; // begins with a struct counted

// For a server. Each of the `count` (at least 1) settings serves clients that ask for its name; the
// one whose name is NULL serves all others, which are refused where there is none. A session is
// resumed only by the settings that it began with. NULL with *err: a file that can't be read or
// understood, a key of another certificate, one that has expired or is not yet valid: which, and
// what to do. Reads files: not for a loop that has to be quick.
struct tls_context *tls_context_new_server(const struct tls_settings *list, size_t count,
                                           struct err *err);

// For a client. NULL with *err. The system's store is looked at only when a peer is verified.
struct tls_context *tls_context_new_client(const struct tls_settings *settings, struct err *err);

// NULL is fine for both.
struct counted *tls_context_counted(struct tls_context *c);
struct tls_context *tls_context_of(struct counted *c);

// Makes a throw-away certificate with its key for `host` (a name or an address; NULL: none), beside
// "localhost" and the loopback's addresses: fills cert and key of *out (PEM, mem_dup's), whose
// other members are left alone, and the certificate's SHA-256 fingerprint. 0, or negative with
// *err.
int tls_context_self_signed(const char *host, struct tls_settings *out,
                            char fingerprint[TLS_FINGERPRINT_MAX], struct err *err);

#endif
