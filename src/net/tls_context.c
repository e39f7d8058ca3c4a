// One side of TLS, made ready once. Any thread.

#include "net/tls_context.h"

#include <ctype.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/tls_material.h"
#include "net/tls_state.h"
#include "net/tls_store.h"

// Mozilla's "intermediate" but for finite-field Diffie-Hellman, which costs a server dearly.
#define CIPHERS                                                                                    \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                     \
  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                     \
  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:prime256v1:secp384r1"

enum { LIST_MAX = 4096 };

struct counted *tls_context_counted(struct tls_context *c) {
  return c ? &c->counted : NULL;
}

struct tls_context *tls_context_of(struct counted *c) {
  return c ? LIST_ENTRY(c, struct tls_context, counted) : NULL;
}

static void free_context(struct counted *counted) {
  struct tls_context *c = tls_context_of(counted);
  for (size_t i = 0; i < c->count; i++) {
    mem_free(c->entries[i].name);
    SSL_CTX_free(c->entries[i].ctx);
  }
  mem_free(c->entries);
  BIO_meth_free(c->method);
  mem_free(c);
}

static int fail(struct err *err, const char *text) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  err_set(err, ERR_OSSL, ERR_GET_REASON(ERR_peek_error()), "%s%s%s", text, reason ? ": " : "",
          reason ? reason : "");
  ERR_clear_error();
  return ERR_INVALID;
}

// Which of the names in an OpenSSL list are suites of TLS 1.3, which OpenSSL takes apart.
static int set_ciphers(SSL_CTX *ctx, const char *list, struct err *err) {
  struct buf suites, others;
  buf_init(&suites, LIST_MAX);
  buf_init(&others, LIST_MAX);
  for (const char *at = list; *at;) {
    size_t n = strcspn(at, ": ,");
    struct buf *to = strncmp(at, "TLS_", 4) == 0 ? &suites : &others;
    if (n > 0) buf_printf(to, "%s%.*s", to->len > 0 ? ":" : "", (int)n, at);
    at += n + (at[n] != '\0');
  }
  if (others.len > 0) buf_append_str(&others, ":!aNULL:!eNULL");
  buf_append(&suites, "", 1);
  buf_append(&others, "", 1);
  bool good = (suites.len == 1 || SSL_CTX_set_ciphersuites(ctx, suites.data) == 1) &&
              (others.len == 1 || SSL_CTX_set_cipher_list(ctx, others.data) == 1);
  buf_deinit(&suites);
  buf_deinit(&others);
  return good ? 0 : fail(err, "tls: no cipher is known by `ciphers`");
}

static int min_version_of(const struct tls_settings *s) {
  return s->min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

static int set_rules(SSL_CTX *ctx, const struct tls_settings *s, struct err *err) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ctx, 1); // a small record costs one recv
  SSL_CTX_set_min_proto_version(ctx, min_version_of(s));
  if (SSL_CTX_set1_groups_list(ctx, GROUPS) != 1 || SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1)
    return fail(err, "tls: OpenSSL lacks today's ciphers");
  return s->ciphers ? set_ciphers(ctx, s->ciphers, err) : 0;
}

static char *lower_dup(const char *name) {
  if (!name) return NULL;
  char *copy = mem_dup_string(name);
  for (char *c = copy; *c; c++)
    *c = (char)tolower((unsigned char)*c);
  return copy;
}

// Server ------------------------------------------------------------------------------------------

static const int SERVER_VERIFY[] = {
    [TLS_VERIFY_NONE] = SSL_VERIFY_NONE,
    [TLS_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
    [TLS_VERIFY_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
};

// Sessions live in tickets alone. The tickets of all entries have the same key, so that each says
// by its context whose it is.
static int set_sessions(struct tls_entry *e, size_t index) {
  unsigned char id[] = {'l', 'u', 'a', 'w', 's', (unsigned char)(index >> 8), (unsigned char)index};
  SSL_CTX_set_session_cache_mode(e->ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(e->ctx, 1); // a second one costs a tenth of the handshake
  return SSL_CTX_set_session_id_context(e->ctx, id, sizeof id);
}

static int fill_server_entry(struct tls_context *c, size_t index, const struct tls_settings *s,
                             struct err *err) {
  struct tls_entry *e = &c->entries[index];
  e->name = lower_dup(s->name);
  e->verify = SERVER_VERIFY[s->verify];
  e->min_version = min_version_of(s);
  e->ctx = SSL_CTX_new(TLS_server_method());
  if (!e->ctx) return fail(err, "tls: OpenSSL does not start");
  int result = set_rules(e->ctx, s, err);
  if (result == 0) result = tls_material_load_pair(e->ctx, s, true, err);
  if (result == 0 && s->ca) result = tls_material_load_ca(e->ctx, s->ca, true, err);
  if (result != 0) return result;
  if (s->verify != TLS_VERIFY_NONE && !s->ca) {
    err_set(err, ERR_OSSL, 0, "tls: to verify clients takes `ca`: who signs their certificates");
    return ERR_INVALID;
  }
  SSL_CTX_set_verify(e->ctx, e->verify, tls_on_verify);
  SSL_CTX_set_client_hello_cb(e->ctx, tls_on_hello, c);
  SSL_CTX_set_alpn_select_cb(e->ctx, tls_on_alpn, NULL);
  set_sessions(e, index);
  return 0;
}

static struct tls_context *make_context(bool is_server, size_t count) {
  struct tls_context *c = mem_zalloc(sizeof *c);
  counted_init(&c->counted, free_context);
  c->is_server = is_server;
  c->entries = mem_zalloc(count * sizeof *c->entries);
  c->count = count;
  c->method = tls_wire_method();
  return c;
}

struct tls_context *tls_context_new_server(const struct tls_settings *list, size_t count,
                                           struct err *err) {
  struct tls_context *c = make_context(true, count);
  for (size_t i = 0; i < count; i++) {
    if (fill_server_entry(c, i, &list[i], err) == 0) continue;
    counted_unref(&c->counted);
    return NULL;
  }
  return c;
}

// Client ------------------------------------------------------------------------------------------

static int fill_client_entry(struct tls_entry *e, const struct tls_settings *s, struct err *err) {
  e->min_version = min_version_of(s);
  e->verify = s->verify == TLS_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
  e->ctx = SSL_CTX_new(TLS_client_method());
  if (!e->ctx) return fail(err, "tls: OpenSSL does not start");
  int result = set_rules(e->ctx, s, err);
  if (result == 0 && s->cert) result = tls_material_load_pair(e->ctx, s, false, err);
  if (result == 0 && s->ca) result = tls_material_load_ca(e->ctx, s->ca, false, err);
  if (result != 0) return result;
  if (!s->ca && e->verify != SSL_VERIFY_NONE && !tls_store_use_system(e->ctx))
    return fail(err, "tls: the system's certificates can't be read");
  SSL_CTX_set_verify(e->ctx, e->verify, e->verify == SSL_VERIFY_NONE ? NULL : tls_on_verify);
  SSL_CTX_set_session_cache_mode(e->ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_protos(e->ctx, (const unsigned char *)"\x08http/1.1", 9);
  return 0;
}

struct tls_context *tls_context_new_client(const struct tls_settings *settings, struct err *err) {
  struct tls_context *c = make_context(false, 1);
  if (fill_client_entry(&c->entries[0], settings, err) == 0) return c;
  counted_unref(&c->counted);
  return NULL;
}
