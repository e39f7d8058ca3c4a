// Settings of TLS: their strings. Any thread.

#include "base/tls_settings.h"

#include <stddef.h>
#include <string.h>
#include "base/mem.h"

bool tls_settings_is_text(const char *source) {
  static const char BEGIN[] = "-----BEGIN";
  return strncmp(source, BEGIN, sizeof BEGIN - 1) == 0;
}

void tls_settings_copy(struct tls_settings *to, const struct tls_settings *from) {
  *to = (struct tls_settings){.name = mem_dup_string(from->name),
                              .cert = mem_dup_string(from->cert),
                              .key = mem_dup_string(from->key),
                              .ca = mem_dup_string(from->ca),
                              .ciphers = mem_dup_string(from->ciphers),
                              .min_version = from->min_version,
                              .verify = from->verify};
}

void tls_settings_deinit(struct tls_settings *s) {
  mem_free(s->name);
  mem_free(s->cert);
  mem_free(s->key);
  mem_free(s->ca);
  mem_free(s->ciphers);
  *s = (struct tls_settings){0};
}
