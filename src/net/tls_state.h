#ifndef NET_TLS_STATE_H
#define NET_TLS_STATE_H

// What the files of net/tls share: the insides of a context and of a connection. Others know the
// names alone (net/tls.h, net/tls_context.h).

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "net/tls_context.h"
#include "net/tls_wire.h"
#include "net/transport.h"

// Handshake messages after the handshake (key updates, tickets, wishes to renegotiate) that may
// come without data between them.
enum { TLS_STRAYS_MAX = 32 };

// Settings for one server name, or a client's. Any thread, immutable.
struct tls_entry {
  char *name; // in small letters; NULL: of all names, or a client's
  SSL_CTX *ctx;
  int verify;      // SSL_VERIFY_...
  int min_version; // TLS1_2_VERSION...
};

struct tls_context {
  struct counted counted;
  BIO_METHOD *method;
  bool is_server;
  size_t count;
  struct tls_entry *entries;
};

// Loop thread.
struct tls {
  struct transport transport;
  struct transport_user below; // wire.under's user: leads from there back to here
  struct tls_wire wire;
  void *owner;
  SSL *ssl;                    // NULL: closed
  struct tls_context *context; // a reference
  struct err *failure;         // why `result` is TRANSPORT_FAILED; NULL: nothing to tell yet
  int result;                  // what recv and send return from now on; 0: they work
  uint8_t strays;              // handshake messages since the last data
  bool is_open;                // the handshake is done
  bool has_broad;              // OpenSSL's next buffer to read into is for several records
  bool reads;                  // what the user watches
  bool writes;
  bool is_finishing; // FIN goes out when nothing is kept
  bool is_finished;  // has gone out
};

static inline struct tls *tls_of_ssl(const SSL *ssl) {
  return SSL_get_app_data(ssl);
}

// Notes why it fails; the first cause counts.
void tls_note_failure(struct tls *t, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The same from OpenSSL's queue of errors.
void tls_explain(struct tls *t);

// OpenSSL's callbacks. on_verify: says why a certificate isn't good. on_hello: chooses the entry
// by the client's SNI, before anything else is decided. on_alpn: http/1.1, or nothing that the
// client didn't ask for. on_message: counts strays.
int tls_on_verify(int is_good, X509_STORE_CTX *store);
int tls_on_hello(SSL *ssl, int *alert, void *context);
int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                const unsigned char *in, unsigned in_length, void *context);
void tls_on_message(int is_ours, int version, int type, const void *data, size_t size, SSL *ssl,
                    void *context);

#endif
