// What has gone wrong with TLS, in words. Loop thread.

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "net/tls.h"
#include "net/tls_state.h"
#include "net/tls_text.h"

enum { ALERT_BASE = 1000 }; // OpenSSL's reasons from here on are alerts that the peer has sent

// OpenSSL's reasons that people meet, where its words say little.
static const struct {
  int reason;
  const char *text;
} REASONS[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "what came is no TLS"},
    {SSL_R_UNEXPECTED_MESSAGE, "what came is no TLS"},
    {SSL_R_BAD_RECORD_TYPE, "what came is no TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "what came is no TLS"},
    {SSL_R_HTTP_REQUEST, "what came is plain HTTP"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "no version of TLS that both sides speak"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "no version of TLS that both sides speak"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher that both sides have"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no signature algorithm that both sides have"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client has shown no certificate"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a TLS record was damaged on its way"},
    {SSL_R_APPLICATION_DATA_AFTER_CLOSE_NOTIFY, "data came behind TLS's close_notify"},
};

static const char *find_reason(int reason) {
  for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
    if (REASONS[i].reason == reason) return REASONS[i].text;
  }
  return NULL;
}

void tls_note_failure(struct tls *t, int code, const char *format, ...) {
  char text[ERR_TEXT_MAX];
  if (t->failure) return;
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  t->failure = mem_zalloc(sizeof *t->failure);
  err_set(t->failure, ERR_OSSL, code, "%s", text);
}

void tls_explain(struct tls *t) {
  unsigned long error = ERR_peek_last_error(); // the outermost
  int reason = ERR_GET_REASON(error);
  const char *known = find_reason(reason), *text = ERR_reason_error_string(error);
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    tls_note_failure(t, reason, "%s",
                     t->is_open ? "the connection was cut off: its end came without TLS's "
                                  "close_notify"
                                : "the connection was closed during the TLS handshake");
  } else if (t->wire.is_refused) {
    tls_note_failure(t, 0, "the peer has TLS answered again and again, and reads nothing");
  } else if (known) {
    tls_note_failure(t, reason, "%s", known);
  } else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > ALERT_BASE) {
    tls_note_failure(t, reason, "the peer has ended TLS: %s",
                     SSL_alert_desc_string_long(reason - ALERT_BASE));
  } else {
    tls_note_failure(t, reason, "TLS: %s", text ? text : "unknown error");
  }
}

void tls_failure(const struct tls *t, struct err *err) {
  if (t->failure)
    *err = *t->failure;
  else if (t->wire.error == TRANSPORT_FAILED) // which TLS alone tells: it lies over another one
    tls_failure(tls_of(t->wire.under), err);
  else
    err_set(err, ERR_OSSL, 0, "TLS has failed");
}

bool tls_is_cut_off(const struct tls *t) {
  return t->failure && t->failure->code == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

void tls_on_message(int is_ours, int version, int type, const void *data, size_t size, SSL *ssl,
                    void *context) {
  (void)version;
  (void)context;
  struct tls *t = tls_of_ssl(ssl);
  const unsigned char *bytes = data;
  if (is_ours && type == SSL3_RT_ALERT && size == 2 && bytes[1] == SSL_AD_NO_RENEGOTIATION) {
    tls_note_failure(t, SSL_R_NO_RENEGOTIATION,
                     "the client wants to renegotiate: that is not done");
    t->wire.is_refused = true;
  }
  if (is_ours || type != SSL3_RT_HANDSHAKE || !t->is_open) return;
  if (++t->strays < TLS_STRAYS_MAX) return;
  tls_note_failure(t, SSL_R_UNEXPECTED_MESSAGE, "too many TLS handshake messages without data");
  t->wire.is_refused = true;
}

// Certificates ------------------------------------------------------------------------------------

// "'a.example', '*.b.example'": of whom a certificate is.
static void list_names(const X509 *certificate, char *text, size_t size) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  size_t at = 0;
  text[0] = '\0';
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && at < size; i++) {
    char one[128];
    if (!tls_text_name(sk_GENERAL_NAME_value(names, i), one, sizeof one)) continue;
    at += (size_t)snprintf(text + at, size - at, "%s'%s'", at > 0 ? ", " : "", one);
  }
  GENERAL_NAMES_free(names);
  if (at == 0) snprintf(text, size, "nobody");
}

static void explain_mismatch(struct tls *t, int error, X509_STORE_CTX *store) {
  char names[160];
  const X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
  char *address = X509_VERIFY_PARAM_get1_ip_asc((X509_VERIFY_PARAM *)param);
  const char *host = X509_VERIFY_PARAM_get0_host((X509_VERIFY_PARAM *)param, 0);
  list_names(X509_STORE_CTX_get_current_cert(store), names, sizeof names);
  tls_note_failure(t, error, "the certificate is for %s, not for '%s'", names,
                   address ? address
                   : host  ? host
                           : "?");
  OPENSSL_free(address);
}

// Which of the chain, for texts.
static const char *name_certificate(const struct tls *t, int depth) {
  if (depth > 0) return "a certificate behind the peer's";
  return t->context->is_server ? "the client's certificate" : "the server's certificate";
}

int tls_on_verify(int is_good, X509_STORE_CTX *store) {
  if (is_good) return 1;
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct tls *t = tls_of_ssl(ssl);
  int error = X509_STORE_CTX_get_error(store);
  const char *which = name_certificate(t, X509_STORE_CTX_get_error_depth(store));
  const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
  char when[TLS_TEXT_TIME_MAX] = "";
  switch (error) {
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH: explain_mismatch(t, error, store); break;
  case X509_V_ERR_CERT_HAS_EXPIRED:
    tls_text_time(X509_get0_notAfter(certificate), when);
    tls_note_failure(t, error, "%s has expired (%s)", which, when);
    break;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    tls_text_time(X509_get0_notBefore(certificate), when);
    tls_note_failure(t, error, "%s is not yet valid (until %s)", which, when);
    break;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    tls_note_failure(t, error, "%s is self-signed and not among those that are trusted", which);
    break;
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    tls_note_failure(t, error, "nobody who is trusted has signed %s (%s)", which,
                     X509_verify_cert_error_string(error));
    break;
  default:
    tls_note_failure(t, error, "%s is not good: %s", which, X509_verify_cert_error_string(error));
  }
  return 0;
}
