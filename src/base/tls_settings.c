// Settings of TLS: their strings. Any thread.

#include "base/tls_settings.h"

#include <stddef.h>
#include <string.h>
#include "base/mem.h"

static char *copy(const char *s) {
  return s ? mem_dup(s, strlen(s)) : NULL;
}

void tls_settings_copy(struct tls_settings *to, const struct tls_settings *from) {
  *to = (struct tls_settings){.name = copy(from->name),
                              .cert = copy(from->cert),
                              .key = copy(from->key),
                              .ca = copy(from->ca),
                              .ciphers = copy(from->ciphers),
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
