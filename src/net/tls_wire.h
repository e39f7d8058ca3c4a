#ifndef NET_TLS_WIRE_H
#define NET_TLS_WIRE_H

// The encrypted side of a TLS connection: what OpenSSL reads and writes goes through here to and
// from the transport below. OpenSSL may write at any time and is never told to try again: what the
// transport doesn't take is kept. Loop thread.

#include <openssl/bio.h>
#include <stdbool.h>
#include "base/buf.h"
#include "net/transport.h"

// What one SSL_write may be of; two of them are encrypted before they are sent.
#ifdef LUAWS_TINY
#define TLS_WIRE_PIECE 3
#else
#define TLS_WIRE_PIECE 16384
#endif

enum {
  TLS_WIRE_ROOM = 2 * (TLS_WIRE_PIECE + 128), // two records
  TLS_WIRE_MAX = 128 * 1024, // kept at most: a handshake with long chains of certificates
};

struct tls_wire {
  struct transport *under;
  struct buf kept;        // ciphertext that `under` has not taken; NULL when there is none
  unsigned char *scratch; // TLS_WIRE_ROOM on the stack, while a call gathers what it writes
  size_t scratch_length;
  size_t budget;    // bytes that may still be read in this call
  int error;        // of `under`, a negative errno; or TRANSPORT_PLAIN_HTTP; 0: none
  bool may_read;    // `under` may have something
  bool has_ended;   // `under` has told an end
  bool is_refused;  // nothing more is read: the peer floods us
  bool is_begun;    // something has been read
  bool expects_tls; // this is a server: looks at the first byte
};

// The kind of BIO that leads here. NULL: out of memory. The caller frees it with BIO_meth_free.
BIO_METHOD *tls_wire_method(void);

// One over `w`. SSL_set_bio takes it.
BIO *tls_wire_bio(BIO_METHOD *method, struct tls_wire *w);

void tls_wire_init(struct tls_wire *w, struct transport *under, bool expects_tls);
void tls_wire_deinit(struct tls_wire *w);

// Between these, what OpenSSL writes is gathered in `room` (TLS_WIRE_ROOM bytes); then it is sent.
void tls_wire_gather(struct tls_wire *w, unsigned char *room);
void tls_wire_send(struct tls_wire *w, bool more);

// Sends what is kept, as far as it is taken.
void tls_wire_flush(struct tls_wire *w);

static inline bool tls_wire_is_clear(const struct tls_wire *w) {
  return w->kept.len == 0;
}

#endif
