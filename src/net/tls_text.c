// Times, names and fingerprints of certificates as text. Any thread.

#include "net/tls_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

void tls_text_time(const ASN1_TIME *time, char text[TLS_TEXT_TIME_MAX]) {
  struct tm tm;
  if (!time || ASN1_TIME_to_tm(time, &tm) != 1 ||
      strftime(text, TLS_TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    snprintf(text, TLS_TEXT_TIME_MAX, "?");
}

bool tls_text_name(const GENERAL_NAME *name, char *text, size_t size) {
  if (name->type == GEN_DNS) {
    snprintf(text, size, "%.*s", ASN1_STRING_length(name->d.dNSName),
             (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    return true;
  }
  if (name->type != GEN_IPADD) return false;
  int length = ASN1_STRING_length(name->d.iPAddress);
  if (length != 4 && length != 16) return false;
  return inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
                   (socklen_t)size) != NULL;
}

void tls_text_fingerprint(const X509 *certificate, char text[TLS_TEXT_DIGEST_MAX]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  size_t at = 0;
  text[0] = '\0';
  if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1) return;
  for (unsigned i = 0; i < length && at + 3 < TLS_TEXT_DIGEST_MAX; i++)
    at += (size_t)snprintf(text + at, TLS_TEXT_DIGEST_MAX - at, "%s%02X", i > 0 ? ":" : "",
                           digest[i]);
}
