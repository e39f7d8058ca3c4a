#ifndef BASE_TLS_SETTINGS_H
#define BASE_TLS_SETTINGS_H

// What one side of TLS shows and demands, as plain values: the script reads them, net/tls_context
// makes something of them. Any thread.

#include <stdbool.h>
#include <stdint.h>

enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_OPTIONAL, TLS_VERIFY_REQUIRED };

// Strings are mem_dup's, or NULL. A certificate or key is an absolute path, or PEM text itself when
// it begins with "-----BEGIN".
struct tls_settings {
  char *name;    // server: for clients that ask for this name ("*.example.com" too); NULL: for
                 // all others. Client: NULL
  char *cert;    // with the chain behind it. Client: NULL for none
  char *key;     // of cert
  char *ca;      // who signs the peers' certificates. NULL: a client asks the system's store
  char *ciphers; // OpenSSL's list, for TLS 1.2 and 1.3 alike; NULL: today's sound ones
  uint8_t min_version; // 12, 13; 0: 12
  uint8_t verify;      // enum tls_verify. Client: NONE believes anybody
};

// Whether a certificate or key is PEM text itself, and no path.
bool tls_settings_is_text(const char *source);

// Copies what `from` points to into *to.
void tls_settings_copy(struct tls_settings *to, const struct tls_settings *from);

// Frees the strings.
void tls_settings_deinit(struct tls_settings *s);

#endif
