// A throw-away certificate for development. Any thread.

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "net/tls_context.h"
#include "net/tls_text.h"

enum {
  DAY = 24 * 60 * 60,
  LIFETIME = 90 * DAY,
  NAMES_MAX = 512,
};

static bool add_extension(X509 *certificate, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  bool good = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return good;
}

static bool is_address(const char *host) {
  unsigned char address[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

// A name with a comma or a colon would be read as more than one.
static bool is_nameable(const char *host) {
  return host[0] &&
         (is_address(host) || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                           "TUVWXYZ0123456789.-*_") == strlen(host));
}

static bool add_names(X509 *certificate, const char *host) {
  char names[NAMES_MAX] = "DNS:localhost,IP:127.0.0.1,IP:::1";
  size_t at = strlen(names);
  if (host && is_nameable(host) && strcmp(host, "localhost") != 0)
    snprintf(names + at, sizeof names - at, ",%s:%.253s", is_address(host) ? "IP" : "DNS", host);
  return add_extension(certificate, NID_subject_alt_name, names);
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *host) {
  unsigned char serial[8];
  X509_NAME *name = X509_get_subject_name(certificate);
  if (RAND_bytes(serial, sizeof serial) != 1) return false;
  serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); // positive, and of this length
  BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
  bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return good && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY) &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), LIFETIME) &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"luaws, self-signed", -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && add_names(certificate, host) &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

static char *take_text(BIO *bio) {
  char *data;
  long length = BIO_get_mem_data(bio, &data);
  return mem_dup(data, (size_t)length);
}

int tls_context_self_signed(const char *host, struct tls_settings *out,
                            char fingerprint[TLS_FINGERPRINT_MAX], struct err *err) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  BIO *cert_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_mem());
  bool good = key && certificate && cert_text && key_text && fill(certificate, key, host) &&
              PEM_write_bio_X509(cert_text, certificate) == 1 &&
              PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) == 1;
  if (good) {
    out->cert = take_text(cert_text);
    out->key = take_text(key_text);
    tls_text_fingerprint(certificate, fingerprint);
  } else {
    err_set(err, ERR_OSSL, ERR_GET_REASON(ERR_peek_error()), "can't make a certificate: %s",
            ERR_reason_error_string(ERR_peek_error()));
    ERR_clear_error();
  }
  BIO_free(cert_text);
  BIO_free(key_text);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return good ? 0 : ERR_INVALID;
}
