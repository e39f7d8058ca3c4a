// What a client's first message decides: the entry that serves it, and ALPN. Loop thread.

#include <string.h>
#include "base/span.h"
#include "net/tls_state.h"

// The host name in the extension server_name (RFC 6066 section 3): a list's length, then type,
// length, name. {NULL, 0}: none.
static struct span asked_name(SSL *ssl) {
  const unsigned char *p;
  size_t n;
  struct span none = {NULL, 0};
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n)) return none;
  if (n < 5 || p[2] != TLSEXT_NAMETYPE_host_name) return none;
  size_t length = (size_t)p[3] << 8 | p[4];
  if (length > n - 5) return none;
  return (struct span){(const char *)p + 5, length};
}

static bool is_name(struct span asked, const char *name) {
  return span_eq_nocase(asked, span_of(name));
}

// "*.example.com" is for one more label.
static bool is_below(struct span asked, const char *pattern) {
  if (pattern[0] != '*') return false;
  const char *dot = memchr(asked.p, '.', asked.n);
  if (!dot || dot == asked.p) return false;
  return is_name((struct span){dot, asked.n - (size_t)(dot - asked.p)}, pattern + 1);
}

static const struct tls_entry *find_entry(const struct tls_context *c, struct span asked) {
  if (asked.n > 0 && asked.p[asked.n - 1] == '.') asked.n--;
  const struct tls_entry *found = NULL;
  for (size_t i = 0; i < c->count; i++) {
    const struct tls_entry *e = &c->entries[i];
    if (!e->name) {
      if (!found) found = e;
    } else if (asked.n > 0 && is_name(asked, e->name)) {
      return e;
    } else if (asked.n > 0 && is_below(asked, e->name)) {
      found = e;
    }
  }
  return found;
}

// All that SSL_new takes from a context and SSL_set_SSL_CTX doesn't.
static void use_entry(SSL *ssl, const struct tls_entry *e) {
  SSL_set_SSL_CTX(ssl, e->ctx);
  SSL_set_verify(ssl, e->verify, tls_on_verify);
  SSL_set_min_proto_version(ssl, e->min_version);
}

// Before versions, sessions and ciphers are looked at, so that an entry's rules hold for all of
// them: a session that began under one entry's is none under another's.
int tls_on_hello(SSL *ssl, int *alert, void *context) {
  const struct tls_entry *e = find_entry(context, asked_name(ssl));
  if (!e) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    tls_note_failure(tls_of_ssl(ssl), SSL_R_BAD_EXTENSION,
                     "there is no certificate for the name that the client asks for");
    return SSL_CLIENT_HELLO_ERROR;
  }
  use_entry(ssl, e);
  return SSL_CLIENT_HELLO_SUCCESS;
}

int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                const unsigned char *in, unsigned in_length, void *context) {
  static const unsigned char OURS[] = "\x08http/1.1";
  (void)context;
  if (SSL_select_next_proto((unsigned char **)out, out_length, OURS, sizeof OURS - 1, in,
                            in_length) == OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_OK;
  tls_note_failure(tls_of_ssl(ssl), SSL_R_NO_APPLICATION_PROTOCOL,
                   "the client does not speak http/1.1 (ALPN)");
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}
