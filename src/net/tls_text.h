#ifndef NET_TLS_TEXT_H
#define NET_TLS_TEXT_H

// What certificates hold, as text. Any thread.

#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>

#define TLS_TEXT_TIME_MAX   32
#define TLS_TEXT_DIGEST_MAX 96

// "2026-01-31T12:00:00Z", or "?".
void tls_text_time(const ASN1_TIME *time, char text[TLS_TEXT_TIME_MAX]);

// A DNS name or an address of a certificate, cut when longer. False: it is something else.
bool tls_text_name(const GENERAL_NAME *name, char *text, size_t size);

// SHA-256 of a certificate: "AB:CD:...".
void tls_text_fingerprint(const X509 *certificate, char text[TLS_TEXT_DIGEST_MAX]);

#endif
