#ifndef NET_TLS_MATERIAL_H
#define NET_TLS_MATERIAL_H

// Certificates and keys, from files or from PEM text, into OpenSSL's contexts. What is wrong with
// them is told with the file's name and what to do. Any thread.

#include <openssl/ssl.h>
#include <stdbool.h>
#include "base/err.h"
#include "base/tls_settings.h"

// The certificate with its chain, and the key. 0, or negative with *err. `is_server`: one that has
// expired or isn't valid yet is an error.
int tls_material_load_pair(SSL_CTX *ctx, const struct tls_settings *settings, bool is_server,
                           struct err *err);

// Those who are trusted. `is_server`: clients are told their names. 0, or negative with *err.
int tls_material_load_ca(SSL_CTX *ctx, const char *ca, bool is_server, struct err *err);

#endif
