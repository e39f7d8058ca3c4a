// TLS between a connection and its socket. Loop thread.

#include "reactor/conn_tls.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/tls.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/loop.h"
#include "reactor/terms.h"

enum { COMPLAIN_MS = 60000 };

bool conn_tls_is_on(const struct conn *c) {
  return tls_is(c->transport);
}

void conn_tls_accept(struct conn *c, struct tls_context *context) {
  c->transport = tls_transport(tls_new(context, &c->tcp.transport, conn_tls_user(), c, NULL));
  c->exchange->peer.secure = true;
}

void conn_tls_connect(struct conn *c, struct tls_context *context, const char *server_name) {
  c->transport = tls_transport(tls_new(context, c->transport, conn_tls_user(), c, server_name));
}

bool conn_tls_is_shaking(const struct conn *c) {
  return conn_tls_is_on(c) && !tls_is_open(tls_of(c->transport));
}

// Strangers' attempts are no news, but an operator whose clients can't connect looks here first: so
// one a minute is told.
static void tell_failure(struct conn *c, const struct err *err) {
  struct reactor *r = c->reactor;
  const char *address = c->exchange ? c->exchange->peer.address : "";
  enum log_level level =
      log_is_due(&r->tls_complained, reactor_now(r), COMPLAIN_MS) ? LOG_INFO : LOG_DEBUG;
  if (!log_enabled(level)) return;
  char text[ERR_TEXT_MAX + 128];
  int n = snprintf(text, sizeof text, "no TLS with %s: %s", address[0] ? address : "a client",
                   err->text);
  log_write(level, text, (size_t)n, NULL, 0);
}

void conn_tls_failed(struct conn *c) {
  struct tls *t = tls_of(c->transport);
  struct err err;
  tls_failure(t, &err);
  if (!tls_is_open(t)) tell_failure(c, &err);
  // A server's worker is not bothered with that.
  if (tls_is_cut_off(t))
    conn_tell_cut(c, 0);
  else if (c->state == CONN_OPEN && c->terms->is_client)
    *conn_tell_error(c, 0) = err;
  conn_end(c, c->state == CONN_LINGERING ? CONN_EXIT_CLOSE : CONN_EXIT_LINGER, err.text);
}

void conn_tls_plain(struct conn *c) {
  tls_remove(tls_of(c->transport));
  conn_use_socket(c);
  c->exchange->peer.secure = false;
  conn_http_refuse(c, 400, "this port speaks TLS: use https:// or wss://");
}

// The client's certificate ------------------------------------------------------------------------

static void add_fact(struct conn_tls_facts *facts, const char *name, const char *value) {
  facts->list[facts->count++] = (struct conn_tls_fact){span_of(name), span_of(value)};
}

void conn_tls_facts_init(struct conn_tls_facts *facts, const struct conn *c) {
  facts->count = 0;
  facts->certificate = NULL;
  if (!conn_tls_is_on(c)) return;
  struct tls_certificate certificate;
  if (!tls_peer_certificate(tls_of(c->transport), &certificate)) return;
  facts->certificate = mem_alloc(sizeof certificate);
  *facts->certificate = certificate;
  add_fact(facts, "subject", certificate.subject);
  add_fact(facts, "issuer", certificate.issuer);
  add_fact(facts, "serialNumber", certificate.serial);
  add_fact(facts, "fingerprint256", certificate.fingerprint);
  add_fact(facts, "validFrom", certificate.valid_from);
  add_fact(facts, "validTo", certificate.valid_to);
  add_fact(facts, "subjectAltName", certificate.alt_names);
  add_fact(facts, "pem", certificate.pem);
}

void conn_tls_facts_deinit(struct conn_tls_facts *facts) {
  if (!facts->certificate) return;
  tls_certificate_deinit(facts->certificate);
  mem_free(facts->certificate);
}
