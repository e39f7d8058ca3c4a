// The peer's certificate, described for the script. Loop thread.

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "base/mem.h"
#include "net/tls.h"
#include "net/tls_state.h"
#include "net/tls_text.h"

// What has been written to `bio`, which is freed.
static char *take_text(BIO *bio) {
  char *data = NULL;
  long length = BIO_get_mem_data(bio, &data);
  char *text = mem_dup(data ? data : "", length > 0 ? (size_t)length : 0);
  BIO_free(bio);
  return text;
}

static char *name_text(X509_NAME *name) {
  BIO *bio = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
  return take_text(bio);
}

static char *serial_text(const X509 *certificate) {
  BIO *bio = BIO_new(BIO_s_mem());
  i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(certificate));
  return take_text(bio);
}

static char *time_text(const ASN1_TIME *time) {
  char text[TLS_TEXT_TIME_MAX];
  tls_text_time(time, text);
  return mem_dup_string(text);
}

static char *alt_names_text(const X509 *certificate) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  BIO *bio = BIO_new(BIO_s_mem());
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    if (i > 0) BIO_puts(bio, ", ");
    GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
  }
  GENERAL_NAMES_free(names);
  return take_text(bio);
}

static char *pem_text(X509 *certificate) {
  BIO *bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return take_text(bio);
}

bool tls_peer_certificate(const struct tls *t, struct tls_certificate *to) {
  X509 *certificate = t->ssl ? SSL_get0_peer_certificate(t->ssl) : NULL;
  char fingerprint[TLS_TEXT_DIGEST_MAX];
  if (!certificate) return false;
  tls_text_fingerprint(certificate, fingerprint);
  *to = (struct tls_certificate){
      .subject = name_text(X509_get_subject_name(certificate)),
      .issuer = name_text(X509_get_issuer_name(certificate)),
      .serial = serial_text(certificate),
      .fingerprint = mem_dup_string(fingerprint),
      .valid_from = time_text(X509_get0_notBefore(certificate)),
      .valid_to = time_text(X509_get0_notAfter(certificate)),
      .alt_names = alt_names_text(certificate),
      .pem = pem_text(certificate),
  };
  return true;
}

void tls_certificate_deinit(struct tls_certificate *c) {
  mem_free(c->subject);
  mem_free(c->issuer);
  mem_free(c->serial);
  mem_free(c->fingerprint);
  mem_free(c->valid_from);
  mem_free(c->valid_to);
  mem_free(c->alt_names);
  mem_free(c->pem);
  *c = (struct tls_certificate){0};
}
