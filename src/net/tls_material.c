// Certificates and keys. Any thread.

#include "net/tls_material.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "net/tls_text.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static int fail(struct err *err, const char *text, const char *what, const char *source) {
  bool is_text = tls_settings_is_text(source);
  err_set(err, ERR_OSSL, ERR_GET_REASON(ERR_peek_error()), "%s %s%s%s", what, is_text ? "" : source,
          is_text ? "" : " ", text);
  ERR_clear_error();
  return ERR_INVALID;
}

// `source`: PEM text, or the path of a file, which is read. NULL with *err.
static BIO *open_source(const char *source, const char *what, struct err *err) {
  ERR_clear_error();
  if (tls_settings_is_text(source)) return BIO_new_mem_buf(source, -1);
  FILE *file = fopen(source, "rbe");
  BIO *bio = file ? BIO_new(BIO_s_mem()) : NULL;
  char piece[4096];
  size_t total = 0, n = 0;
  errno = file ? 0 : errno;
  while (file && total <= FILE_MAX && (n = fread(piece, 1, sizeof piece, file)) > 0) {
    BIO_write(bio, piece, (int)n);
    total += n;
  }
  int error = errno;
  bool failed = !file || ferror(file);
  if (file) fclose(file);
  if (!failed && total <= FILE_MAX) return bio;
  BIO_free(bio);
  if (failed)
    err_set_errno(err, error, "can't read the %s %s", what, source);
  else
    fail(err, "is too large to be a PEM file", what, source);
  return NULL;
}

// luaws can't ask anybody for it.
static int on_password(char *to, int size, int writes, void *context) {
  (void)to;
  (void)size;
  (void)writes;
  *(bool *)context = true;
  return 0;
}

static X509 *read_certificate(BIO *bio) {
  return PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
}

// A server shows a certificate that holds today.
static int check_dates(const X509 *certificate, const char *source, struct err *err) {
  char when[TLS_TEXT_TIME_MAX], text[128];
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    tls_text_time(X509_get0_notAfter(certificate), when);
    snprintf(text, sizeof text, "has expired (%s): renew it", when);
    return fail(err, text, "the certificate", source);
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    tls_text_time(X509_get0_notBefore(certificate), when);
    snprintf(text, sizeof text, "is not yet valid (until %s): is this machine's clock right?",
             when);
    return fail(err, text, "the certificate", source);
  }
  return 0;
}

// What is behind the first certificate: who has signed it.
static int load_chain(SSL_CTX *ctx, BIO *bio, const char *source, struct err *err) {
  for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, NULL, NULL));) {
    if (SSL_CTX_add0_chain_cert(ctx, next) == 1) continue;
    X509_free(next);
    return fail(err, "can't be used: a certificate behind the first is bad", "the certificate",
                source);
  }
  unsigned long error = ERR_peek_last_error();
  bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!is_end)
    return fail(err, "is damaged behind its first certificate", "the certificate", source);
  ERR_clear_error();
  return 0;
}

static int load_certificate(SSL_CTX *ctx, const char *source, bool is_server, struct err *err) {
  BIO *bio = open_source(source, "certificate", err);
  if (!bio) return ERR_INVALID;
  int result = 0;
  X509 *certificate = read_certificate(bio);
  if (!certificate)
    result = fail(err, "is no certificate in PEM format (\"-----BEGIN CERTIFICATE-----\")",
                  "the file", source);
  if (result == 0 && is_server) result = check_dates(certificate, source, err);
  if (result == 0 && SSL_CTX_use_certificate(ctx, certificate) != 1) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    char text[160];
    snprintf(text, sizeof text, "can't be used: %s", reason ? reason : "OpenSSL refuses it");
    result = fail(err, text, "the certificate", source);
  }
  if (result == 0) result = load_chain(ctx, bio, source, err);
  X509_free(certificate);
  BIO_free(bio);
  return result;
}

static int load_key(SSL_CTX *ctx, const char *source, struct err *err) {
  BIO *bio = open_source(source, "private key", err);
  if (!bio) return ERR_INVALID;
  int result = 0;
  bool is_locked = false;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, on_password, &is_locked);
  if (!key && is_locked)
    result = fail(err,
                  "is locked with a password: store it without one (openssl pkey -in ... "
                  "-out ...)",
                  "the private key", source);
  else if (!key)
    result = fail(err, "is no private key in PEM format (\"-----BEGIN PRIVATE KEY-----\")",
                  "the file", source);
  else if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
    result = fail(err, "is not the certificate's: they must be a pair", "the private key", source);
  else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
    result = fail(err, "can't be used", "the private key", source);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return result;
}

int tls_material_load_pair(SSL_CTX *ctx, const struct tls_settings *settings, bool is_server,
                           struct err *err) {
  int result = load_certificate(ctx, settings->cert, is_server, err);
  return result == 0 ? load_key(ctx, settings->key, err) : result;
}

int tls_material_load_ca(SSL_CTX *ctx, const char *ca, bool is_server, struct err *err) {
  BIO *bio = open_source(ca, "certificates of `ca`", err);
  if (!bio) return ERR_INVALID;
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  int count = 0;
  for (X509 *next; (next = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)); count++) {
    X509_STORE_add_cert(store, next); // the same one twice is fine
    if (is_server) SSL_CTX_add_client_CA(ctx, next);
    X509_free(next);
  }
  BIO_free(bio);
  if (count == 0) return fail(err, "holds no certificate in PEM format", "the file of `ca`", ca);
  ERR_clear_error();
  return 0;
}
