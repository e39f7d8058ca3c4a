// --tls-cert, --tls-key and --tls-self-signed. Main thread.

#include "certificate.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include "base/log.h"
#include "base/mem.h"
#include "net/tls_context.h"

// What clients may call this machine, beside localhost: where it listens, unless that is everywhere
// or nowhere on a network; or its name.
static const char *find_host(const struct options *options, char *name, size_t size) {
  static const char *const NONE[] = {"0.0.0.0", "::", "127.0.0.1", "::1", "localhost"};
  const char *host = options->host;
  bool is_named = host && strncmp(host, "unix:", strlen("unix:")) != 0;
  for (size_t i = 0; is_named && i < sizeof NONE / sizeof *NONE; i++)
    is_named = strcmp(host, NONE[i]) != 0;
  if (is_named) return host;
  return uv_os_gethostname(name, &size) == 0 ? name : NULL;
}

static void tell(const char *fingerprint) {
  if (!log_enabled(LOG_INFO)) return;
  if (log_is_json()) {
    log_info("self-signed certificate, for this run; SHA-256 fingerprint %s", fingerprint);
    return;
  }
  fprintf(stderr,
          "luaws: self-signed certificate, for this run and for development alone\n"
          "luaws: its SHA-256 fingerprint is %s\n"
          "luaws: browsers warn of it; others connect with curl --insecure https://..., "
          "luaws connect --insecure wss://...\n",
          fingerprint);
}

static int make(const struct options *options, struct tls_settings *tls, struct err *err) {
  char name[UV_MAXHOSTNAMESIZE], fingerprint[TLS_FINGERPRINT_MAX];
  const char *host = find_host(options, name, sizeof name);
  int result = tls_context_self_signed(host, tls, fingerprint, err);
  if (result == 0) tell(fingerprint);
  return result;
}

int certificate_open(const struct options *options, struct tls_settings *tls, struct err *err) {
  *tls = (struct tls_settings){0};
  if (options->estimate) return 0; // its clients speak no TLS
  if (options->tls_self_signed) return make(options, tls, err);
  if (!options->tls_cert) return 0;
  tls->cert = mem_dup_string(options->tls_cert);
  tls->key = mem_dup_string(options->tls_key);
  return 0;
}
