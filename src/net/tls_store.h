#ifndef NET_TLS_STORE_H
#define NET_TLS_STORE_H

// The certificates that the system trusts. Any thread.

#include <openssl/ssl.h>
#include <stdbool.h>

// Has `ctx` look peers' signers up there. False: OpenSSL's error tells why.
bool tls_store_use_system(SSL_CTX *ctx);

#endif
