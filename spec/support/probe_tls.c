// OpenSSL itself for specs: TLS by hand over bytes that the spec carries to and fro, so that what
// luaws says and understands is judged by something that shares no code with src/net/tls. How specs
// use it: spec/support/tls.lua.

#include <lauxlib.h>
#include <lua.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include "probe.h"

#define CONTEXT "probe.tls.context"
#define ENGINE  "probe.tls.engine"
#define TICKET  "probe.tls.ticket"

enum { CHUNK = 16384 };

struct context {
  SSL_CTX *ctx;
  bool is_server;
  unsigned char alpn[256]; // wire form
  unsigned alpn_length;
};

struct engine {
  SSL *ssl;
};

struct ticket {
  SSL_SESSION *session;
};

static struct context *check_context(lua_State *L) {
  return luaL_checkudata(L, 1, CONTEXT);
}

static SSL *check_engine(lua_State *L) {
  return ((struct engine *)luaL_checkudata(L, 1, ENGINE))->ssl;
}

// The oldest error of OpenSSL's, as a string on the stack.
static void push_error(lua_State *L, const char *otherwise) {
  unsigned long code = ERR_get_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  lua_pushstring(L, reason ? reason : otherwise);
  ERR_clear_error();
}

static int raise(lua_State *L, const char *what) {
  push_error(L, "no reason given");
  return luaL_error(L, "%s: %s", what, lua_tostring(L, -1));
}

// Context ----------------------------------------------------------------------------------------

static int version_of(lua_State *L, const char *name) {
  static const char *const NAMES[] = {"1.0", "1.1", "1.2", "1.3", NULL};
  static const int VERSIONS[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
  for (int i = 0; NAMES[i]; i++)
    if (strcmp(name, NAMES[i]) == 0) return VERSIONS[i];
  return luaL_error(L, "no such version of TLS: %s", name);
}

// The string field `name` of the options at index 1, or NULL. It stays on the stack.
static const char *string_option(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  return lua_tostring(L, -1);
}

// What is obsolete takes the lowest security level.
static void set_versions(lua_State *L, SSL_CTX *ctx) {
  const char *min = string_option(L, "minVersion"), *max = string_option(L, "maxVersion");
  if (max && version_of(L, max) < TLS1_2_VERSION) {
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    if (!min) min = max;
  }
  if (min && !SSL_CTX_set_min_proto_version(ctx, version_of(L, min))) raise(L, min);
  if (max && !SSL_CTX_set_max_proto_version(ctx, version_of(L, max))) raise(L, max);
  const char *ciphers = string_option(L, "ciphers"), *suites = string_option(L, "suites");
  if (ciphers && !SSL_CTX_set_cipher_list(ctx, ciphers)) raise(L, ciphers);
  if (suites && !SSL_CTX_set_ciphersuites(ctx, suites)) raise(L, suites);
}

static void set_certificates(lua_State *L, struct context *c) {
  const char *cert = string_option(L, "cert"), *key = string_option(L, "key");
  const char *ca = string_option(L, "ca"), *verify = string_option(L, "verify");
  if (cert && SSL_CTX_use_certificate_chain_file(c->ctx, cert) != 1) raise(L, cert);
  if (key && SSL_CTX_use_PrivateKey_file(c->ctx, key, SSL_FILETYPE_PEM) != 1) raise(L, key);
  if (ca && SSL_CTX_load_verify_locations(c->ctx, ca, NULL) != 1) raise(L, ca);
  if (ca && c->is_server) SSL_CTX_set_client_CA_list(c->ctx, SSL_load_client_CA_file(ca));
  int mode = SSL_VERIFY_NONE;
  if (c->is_server && verify) mode = SSL_VERIFY_PEER;
  if (!c->is_server && ca) mode = SSL_VERIFY_PEER;
  if (verify && strcmp(verify, "required") == 0) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(c->ctx, mode, NULL);
}

static int on_select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                          const unsigned char *in, unsigned in_length, void *arg) {
  (void)ssl;
  const struct context *c = arg;
  int found = SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_length, c->alpn,
                                    c->alpn_length, in, in_length);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_alpn(lua_State *L, struct context *c) {
  if (lua_getfield(L, 1, "alpn") != LUA_TTABLE) return;
  for (int i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
    size_t n;
    const char *name = lua_tolstring(L, -1, &n);
    if (c->alpn_length + n + 1 > sizeof c->alpn || n > 255) luaL_error(L, "alpn is too long");
    c->alpn[c->alpn_length++] = (unsigned char)n;
    memcpy(c->alpn + c->alpn_length, name, n);
    c->alpn_length += (unsigned)n;
    lua_pop(L, 1);
  }
  if (c->is_server)
    SSL_CTX_set_alpn_select_cb(c->ctx, on_select_alpn, c);
  else
    SSL_CTX_set_alpn_protos(c->ctx, c->alpn, c->alpn_length);
}

// context{ server = bool, cert, key, ca, verify, minVersion, maxVersion, ciphers, suites, alpn }
static int new_context(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct context *c = lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  luaL_setmetatable(L, CONTEXT);
  int self = lua_gettop(L);
  lua_getfield(L, 1, "server");
  c->is_server = lua_toboolean(L, -1);
  c->ctx = SSL_CTX_new(c->is_server ? TLS_server_method() : TLS_client_method());
  if (!c->ctx) return raise(L, "SSL_CTX_new");
  SSL_CTX_set_options(c->ctx, SSL_OP_ALL);
  if (c->is_server) SSL_CTX_set_session_id_context(c->ctx, (const unsigned char *)"spec", 4);
  set_versions(L, c->ctx);
  set_certificates(L, c);
  set_alpn(L, c);
  lua_settop(L, self);
  return 1;
}

static int free_context(lua_State *L) {
  struct context *c = check_context(L);
  SSL_CTX_free(c->ctx);
  c->ctx = NULL;
  return 0;
}

// Engine -----------------------------------------------------------------------------------------

static bool is_address(const char *name) {
  ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
  ASN1_OCTET_STRING_free(address);
  return address != NULL;
}

// An address is no name for SNI.
static void expect_name(SSL *ssl, const char *name) {
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
  } else {
    SSL_set_tlsext_host_name(ssl, name);
    SSL_set1_host(ssl, name);
  }
}

// context:engine([name [, ticket]]): the client asks for `name` and checks it, if it checks at all
static int new_engine(lua_State *L) {
  struct context *c = check_context(L);
  const char *name = luaL_optstring(L, 2, NULL);
  struct ticket *t = lua_isnoneornil(L, 3) ? NULL : luaL_checkudata(L, 3, TICKET);
  struct engine *e = lua_newuserdatauv(L, sizeof *e, 1);
  e->ssl = NULL;
  luaL_setmetatable(L, ENGINE);
  lua_pushvalue(L, 1); // the choice of ALPN looks into it
  lua_setiuservalue(L, -2, 1);
  e->ssl = SSL_new(c->ctx);
  if (!e->ssl) return raise(L, "SSL_new");
  SSL_set_bio(e->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (c->is_server) {
    SSL_set_accept_state(e->ssl);
  } else {
    SSL_set_connect_state(e->ssl);
    if (name) expect_name(e->ssl, name);
    if (t) SSL_set_session(e->ssl, t->session);
  }
  return 1;
}

static int free_engine(lua_State *L) {
  struct engine *e = luaL_checkudata(L, 1, ENGINE);
  SSL_free(e->ssl);
  e->ssl = NULL;
  return 0;
}

// engine:feed(bytes): from the peer
static int feed(lua_State *L) {
  SSL *ssl = check_engine(L);
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  size_t written = 0;
  if (n > 0 && !BIO_write_ex(SSL_get_rbio(ssl), bytes, n, &written)) return raise(L, "feed");
  return 0;
}

// engine:take() -> bytes for the peer, perhaps none
static int take(lua_State *L) {
  BIO *bio = SSL_get_wbio(check_engine(L));
  char *bytes;
  long n = BIO_get_mem_data(bio, &bytes);
  lua_pushlstring(L, bytes, n > 0 ? (size_t)n : 0);
  (void)BIO_reset(bio);
  return 1;
}

static bool wants_more(SSL *ssl, int result) {
  int why = SSL_get_error(ssl, result);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

// What went wrong: the certificate, if that is it.
static int push_failure(lua_State *L, SSL *ssl) {
  long verdict = SSL_get_verify_result(ssl);
  lua_pushnil(L);
  if (verdict != X509_V_OK) {
    ERR_clear_error();
    lua_pushstring(L, X509_verify_cert_error_string(verdict));
  } else {
    push_error(L, "the peer has broken off");
  }
  return 2;
}

// engine:handshake() -> true: done; false: more bytes are needed; nil, error
static int handshake(lua_State *L) {
  SSL *ssl = check_engine(L);
  ERR_clear_error();
  int result = SSL_do_handshake(ssl);
  if (result != 1 && !wants_more(ssl, result)) return push_failure(L, ssl);
  lua_pushboolean(L, result == 1);
  return 1;
}

// engine:read() -> what has come in clear, perhaps nothing; whether the peer's close_notify has
// come, too. nil, error
static int read_clear(lua_State *L) {
  SSL *ssl = check_engine(L);
  ERR_clear_error();
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  size_t n;
  int result;
  while ((result = SSL_read_ex(ssl, luaL_prepbuffsize(&out, CHUNK), CHUNK, &n)) == 1)
    luaL_addsize(&out, n);
  luaL_pushresult(&out);
  bool is_closed = SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN;
  if (!is_closed && !wants_more(ssl, result)) return push_failure(L, ssl);
  lua_pushboolean(L, is_closed);
  return 2;
}

// engine:write(bytes): after the handshake. Raises what fails
static int write_clear(lua_State *L) {
  SSL *ssl = check_engine(L);
  size_t n, written;
  const char *bytes = luaL_checklstring(L, 2, &n);
  ERR_clear_error();
  if (n > 0 && SSL_write_ex(ssl, bytes, n, &written) != 1) return raise(L, "write");
  return 0;
}

// engine:finish(): close_notify
static int finish(lua_State *L) {
  SSL *ssl = check_engine(L);
  if (SSL_is_init_finished(ssl)) SSL_shutdown(ssl);
  ERR_clear_error();
  return 0;
}

// engine:updateKey([both]): TLS 1.3: from the next bytes on our key is another; `both`: the peer is
// asked to change its own, too
static int update_key(lua_State *L) {
  SSL *ssl = check_engine(L);
  int type = lua_toboolean(L, 2) ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  if (SSL_key_update(ssl, type) != 1 || SSL_do_handshake(ssl) != 1) return raise(L, "updateKey");
  return 0;
}

// engine:renegotiate(): TLS 1.2: asks for a new handshake
static int renegotiate(lua_State *L) {
  SSL *ssl = check_engine(L);
  if (SSL_renegotiate(ssl) != 1) return raise(L, "renegotiate");
  SSL_do_handshake(ssl);
  return 0;
}

// engine:ticket() -> what a later engine may resume, once it has come (TLS 1.3: behind the
// handshake); nil
static int get_ticket(lua_State *L) {
  SSL_SESSION *session = SSL_get1_session(check_engine(L));
  if (!session || !SSL_SESSION_is_resumable(session)) {
    SSL_SESSION_free(session);
    return 0;
  }
  struct ticket *t = lua_newuserdatauv(L, sizeof *t, 0);
  t->session = session;
  luaL_setmetatable(L, TICKET);
  return 1;
}

static int free_ticket(lua_State *L) {
  struct ticket *t = luaL_checkudata(L, 1, TICKET);
  SSL_SESSION_free(t->session);
  t->session = NULL;
  return 0;
}

static void set_string(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value); // NULL: nil
  lua_setfield(L, -2, name);
}

static void set_fingerprint(lua_State *L, const X509 *cert) {
  static const char HEX[] = "0123456789ABCDEF";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  X509_digest(cert, EVP_sha256(), digest, &n);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (unsigned i = 0; i < n; i++) {
    if (i > 0) luaL_addchar(&out, ':');
    luaL_addchar(&out, HEX[digest[i] >> 4]);
    luaL_addchar(&out, HEX[digest[i] & 15]);
  }
  luaL_pushresult(&out);
  lua_setfield(L, -2, "fingerprint");
}

// engine:facts() -> { version = "TLSv1.3", cipher =, alpn = nil or a string, isResumed =, name =
// the name that was asked for, fingerprint = of the peer's certificate, nil: it has shown none }
static int get_facts(lua_State *L) {
  SSL *ssl = check_engine(L);
  const unsigned char *alpn;
  unsigned n;
  SSL_get0_alpn_selected(ssl, &alpn, &n);
  lua_newtable(L);
  set_string(L, "version", SSL_get_version(ssl));
  set_string(L, "cipher", SSL_get_cipher_name(ssl));
  set_string(L, "name", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  if (n > 0) {
    lua_pushlstring(L, (const char *)alpn, n);
    lua_setfield(L, -2, "alpn");
  }
  lua_pushboolean(L, SSL_session_reused(ssl));
  lua_setfield(L, -2, "isResumed");
  X509 *cert = SSL_get0_peer_certificate(ssl);
  if (cert) set_fingerprint(L, cert);
  return 1;
}

int probe_open_tls(lua_State *L) {
  static const luaL_Reg context[] = {{"engine", new_engine}, {"__gc", free_context}, {NULL, NULL}};
  static const luaL_Reg engine[] = {{"feed", feed},
                                    {"take", take},
                                    {"handshake", handshake},
                                    {"read", read_clear},
                                    {"write", write_clear},
                                    {"finish", finish},
                                    {"updateKey", update_key},
                                    {"renegotiate", renegotiate},
                                    {"ticket", get_ticket},
                                    {"facts", get_facts},
                                    {"__gc", free_engine},
                                    {NULL, NULL}};
  static const luaL_Reg ticket[] = {{"__gc", free_ticket}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"context", new_context}, {NULL, NULL}};
  probe_add_class(L, CONTEXT, context);
  probe_add_class(L, ENGINE, engine);
  probe_add_class(L, TICKET, ticket);
  luaL_newlib(L, functions);
  return 1;
}
