// Dialing. Loop thread.
//
// Each stage has a function that enters it, and one that is called when it has come to its end;
// whichever ends the connection has freed the dial with it, so that nothing may follow that call.

#include "reactor/dial.h"

#include <assert.h>
#include "base/mem.h"
#include "http/deflate.h"
#include "http/opening.h"
#include "http/tunnel.h"
#include "mailbox/event.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "reactor/client.h"
#include "reactor/client_tls.h"
#include "reactor/conn.h"
#include "reactor/conn_out.h"
#include "reactor/conn_tls.h"
#include "reactor/conn_ws.h"
#include "reactor/dial_text.h"
#include "reactor/loop.h"

enum {
  REQUEST_MAX = 1024 * 1024, // the worker bounds what a script adds
  TO_MAX = 512,              // a name has 253 bytes at most, two may stand in it
};

enum dial_stage {
  DIAL_RESOLVE, // the host's addresses are looked up
  DIAL_CONNECT, // one of them is connected to
  DIAL_TUNNEL,  // the proxy has been asked for the way to the server
  DIAL_UPGRADE, // the request is on its way, its answer is awaited
};

struct dial {
  struct conn *conn;
  const struct client_config *config;
  enum dial_stage stage;
  struct resolver *resolver;   // in RESOLVE, unless the host is an address
  struct connector *connector; // in CONNECT
  struct http_reply *reply;    // in TUNNEL and UPGRADE
  struct http_opening opening; // what the answer is one to
  struct span *protocols;      // the opening's, as `headers` is
  struct http_header *headers;
  char offer[HTTP_DEFLATE_OFFER_MAX]; // the opening's
  char to[TO_MAX];                    // whom it speaks with, for messages: "example.com:80"
};

static void resolve(struct dial *d);
static void connect_to(struct dial *d, const struct address *list, int count);
static void ask_tunnel(struct dial *d);
static void ask_upgrade(struct dial *d);
static void judge_answer(struct dial *d, const char *rest, size_t n);

static struct dial *dial_of(const struct conn *c) {
  return client_of_terms(c->terms)->dial;
}

// It has come to nothing.
static void fail(struct dial *d, const struct err *err) {
  struct conn *c = d->conn;
  *conn_tell_error(c, 0) = *err;
  conn_end(c, CONN_EXIT_CLOSE, err->text);
}

void dial_start(struct conn *c) {
  struct dial *d = mem_zalloc(sizeof *d);
  struct client *client = client_of_terms(c->terms);
  client->dial = d;
  d->conn = c;
  d->config = client->config;
  if (d->config->proxy_host)
    dial_text_proxy(d->config, d->to, sizeof d->to);
  else
    dial_text_server(d->config, d->to, sizeof d->to);
  conn_set_deadline(c, reactor_due(c->reactor, d->config->connect_timeout));
  resolve(d);
}

void dial_free(struct dial *d) {
  if (!d) return;
  if (d->resolver) resolver_cancel(d->resolver);
  if (d->connector) connector_free(d->connector);
  http_reply_free(d->reply);
  mem_free(d->protocols);
  mem_free(d->headers);
  mem_free(d);
}

// RESOLVE -----------------------------------------------------------------------------------------

static void on_found(void *owner, const struct address *list, int count, const struct err *err) {
  struct dial *d = owner;
  d->resolver = NULL;
  if (count == 0)
    fail(d, err);
  else
    connect_to(d, list, count);
}

// Whose name it is that is looked up.
static const char *host_of(const struct dial *d) {
  return d->config->proxy_host ? d->config->proxy_host : d->config->host;
}

static void resolve(struct dial *d) {
  uint16_t port = d->config->proxy_host ? d->config->proxy_port : d->config->port;
  struct address address;
  struct err err;
  d->stage = DIAL_RESOLVE;
  if (address_parse(host_of(d), port, &address)) {
    connect_to(d, &address, 1);
    return;
  }
  uv_loop_t *loop = &d->conn->reactor->loop;
  d->resolver = resolver_start(loop, host_of(d), port, on_found, d, &err);
  if (!d->resolver) fail(d, &err);
}

// CONNECT -----------------------------------------------------------------------------------------

static void fail_to_connect(struct dial *d) {
  struct err err;
  connector_explain(d->connector, d->to, &err);
  fail(d, &err);
}

// TLS over what there is. False: it can't be, which has been told.
static bool secure(struct dial *d, const struct tls_settings *settings, const char *host) {
  struct err err;
  struct tls_context *context = client_tls(d->conn->reactor, settings, &err);
  if (!context) {
    fail(d, &err);
    return false;
  }
  char name[TO_MAX];
  dial_text_name(host, name, sizeof name);
  conn_tls_connect(d->conn, context, name);
  counted_unref(tls_context_counted(context));
  return true;
}

// What the script demands of a server it demands of a proxy, too. Its certificate isn't for that.
static bool secure_proxy(struct dial *d) {
  struct tls_settings settings = d->config->tls;
  settings.cert = settings.key = NULL;
  return secure(d, &settings, d->config->proxy_host);
}

// The way to the server is there.
static void enter_upgrade(struct dial *d) {
  const struct client_config *config = d->config;
  if (!config->is_secure || secure(d, &config->tls, config->host)) ask_upgrade(d);
}

static void enter_tunnel(struct dial *d) {
  if (!d->config->proxy_is_secure || secure_proxy(d)) ask_tunnel(d);
}

static void on_connected(void *owner, int fd) {
  struct dial *d = owner;
  if (fd < 0) {
    fail_to_connect(d);
    return;
  }
  connector_free(d->connector);
  d->connector = NULL;
  int status = conn_attach(d->conn, fd);
  if (status < 0) {
    struct err err;
    err_set_errno(&err, -status, "can't watch the connection to %s", d->to);
    fail(d, &err);
    return;
  }
  if (d->config->proxy_host)
    enter_tunnel(d);
  else
    enter_upgrade(d);
}

static void connect_to(struct dial *d, const struct address *list, int count) {
  d->stage = DIAL_CONNECT;
  d->connector = connector_new(&d->conn->reactor->loop, list, count, on_connected, d);
}

// TUNNEL ------------------------------------------------------------------------------------------

static void fail_for(struct dial *d, const char *why) {
  struct err err;
  dial_text_bad_answer(d->to, why, &err);
  fail(d, &err);
}

static void ask_tunnel(struct dial *d) {
  const struct client_config *config = d->config;
  struct http_tunnel tunnel = {config->host, config->port, config->proxy_authorization};
  struct buf out;
  d->stage = DIAL_TUNNEL;
  d->reply = http_reply_new_to_connect();
  buf_init(&out, REQUEST_MAX);
  int status = http_tunnel_write(&out, &tunnel);
  assert(status == 0); // a URL has bounds
  (void)status;
  conn_out_write(d->conn, out.data, out.len, false);
  buf_deinit(&out);
}

// `n`: bytes that have come behind the answer. Neither a server of TLS nor one of HTTP speaks
// first, so that they can't be the server's. An answer to half a request would send the other half
// through the tunnel, and with it what the proxy alone shall read.
static void judge_tunnel(struct dial *d, size_t n) {
  if (!http_tunnel_is_open(d->reply)) {
    struct err err;
    dial_text_no_tunnel(d->to, d->config, d->reply, &err);
    fail(d, &err);
    return;
  }
  const char *why = NULL;
  if (n > 0) why = "bytes behind it that the server can't have sent";
  if (!outbox_is_empty(&d->conn->outbox)) why = "it has come before the request was sent";
  if (why) {
    fail_for(d, why);
    return;
  }
  http_reply_free(d->reply);
  d->reply = NULL;
  dial_text_server(d->config, d->to, sizeof d->to);
  enter_upgrade(d);
}

// UPGRADE -----------------------------------------------------------------------------------------

static void fill_protocols(struct dial *d) {
  struct http_opening *o = &d->opening;
  o->protocol_count = mem_count_strings(d->config->protocols);
  o->protocols = d->protocols = mem_alloc((o->protocol_count + 1) * sizeof *d->protocols);
  for (size_t i = 0; i < o->protocol_count; i++)
    d->protocols[i] = span_of(d->config->protocols[i]);
}

static void fill_headers(struct dial *d) {
  struct http_opening *o = &d->opening;
  char **given = d->config->headers;
  o->header_count = mem_count_strings(given) / 2;
  o->headers = d->headers = mem_alloc((o->header_count + 1) * sizeof *d->headers);
  for (size_t i = 0; i < o->header_count; i++)
    d->headers[i] = (struct http_header){span_of(given[2 * i]), span_of(given[2 * i + 1])};
}

static struct http_deflate_policy policy_of(const struct dial *d) {
  const struct compression *k = &d->config->link.compression;
  return (struct http_deflate_policy){k->window_bits, k->context_takeover};
}

static void fill_opening(struct dial *d) {
  const struct client_config *config = d->config;
  struct http_opening *o = &d->opening;
  o->host = span_of(config->host);
  o->port = config->port;
  o->is_secure = config->is_secure;
  o->target = span_of(config->target);
  http_opening_set_key(o, entropy_take(&d->conn->reactor->entropy, 16));
  fill_protocols(d);
  fill_headers(d);
  if (!config->link.compression.on) return;
  struct http_deflate_policy policy = policy_of(d);
  http_deflate_offer(&policy, d->offer);
  o->extensions = span_of(d->offer);
}

static void ask_upgrade(struct dial *d) {
  struct conn *c = d->conn;
  struct buf out;
  const char *why;
  d->stage = DIAL_UPGRADE;
  d->reply = http_reply_new();
  fill_opening(d);
  buf_init(&out, REQUEST_MAX);
  int status = http_opening_write(&out, &d->opening, &why);
  if (status == 0) {
    conn_out_write(c, out.data, out.len, false);
  } else {
    struct err err;
    dial_text_unsaid(d->to, status == ERR_TOO_BIG ? "too long" : why, &err);
    fail(d, &err);
  }
  buf_deinit(&out);
}

static void tell_opened(struct conn *c, struct span protocol) {
  struct record *r = batch_push(&c->terms->lane->batch, EVENT_OPENED, c->handle, protocol.n);
  if (protocol.n > 0) memcpy(r->payload, protocol.p, protocol.n);
}

// A 101 that may be believed, but for what it says of extensions. Frames may have come right behind
// it.
static void open_conn(struct dial *d, struct span protocol, const char *rest, size_t n) {
  struct conn *c = d->conn;
  struct http_deflate_policy policy = policy_of(d);
  struct http_deflate agreed;
  bool is_offered = d->config->link.compression.on, is_on;
  const char *why =
      http_deflate_check(http_reply_headers(d->reply), http_reply_header_count(d->reply),
                         is_offered ? &policy : NULL, &agreed, &is_on);
  if (why) {
    fail_for(d, why);
    return;
  }
  tell_opened(c, protocol);
  client_of_terms(c->terms)->dial = NULL;
  dial_free(d);
  conn_ws_open(c, is_on ? &agreed : NULL);
  conn_ws_feed(c, (const unsigned char *)rest, n);
}

static void judge_answer(struct dial *d, const char *rest, size_t n) {
  struct span protocol;
  struct err err;
  const char *why = NULL;
  switch (http_opening_check(&d->opening, d->reply, &protocol, &why)) {
  case HTTP_ANSWER_WEBSOCKET: open_conn(d, protocol, rest, n); return;
  case HTTP_ANSWER_BAD: fail_for(d, why); return;
  case HTTP_ANSWER_REFUSED:
    dial_text_refused(d->to, d->reply, &err);
    fail(d, &err);
    return;
  }
}

// The socket --------------------------------------------------------------------------------------

static void judge(struct dial *d, const char *rest, size_t n) {
  if (d->stage == DIAL_TUNNEL)
    judge_tunnel(d, n);
  else
    judge_answer(d, rest, n);
}

void dial_feed(struct conn *c, const unsigned char *p, size_t n) {
  struct dial *d = dial_of(c);
  size_t used;
  switch (http_reply_feed(d->reply, (const char *)p, n, &used)) {
  case HTTP_COMPLETE: judge(d, (const char *)p + used, n - used); return;
  case HTTP_BAD: fail_for(d, http_reply_failure(d->reply)); return;
  case HTTP_CONTINUE:
  case HTTP_MORE: return;
  }
}

void dial_eof(struct conn *c) {
  struct dial *d = dial_of(c);
  bool has_begun = http_reply_has_begun(d->reply);
  if (has_begun && http_reply_end(d->reply) == HTTP_COMPLETE) {
    judge(d, NULL, 0);
    return;
  }
  struct err err;
  dial_text_ended(d->to, has_begun, &err);
  fail(d, &err);
}

void dial_lost(struct conn *c, int error) {
  struct dial *d = dial_of(c);
  struct err err;
  if (error == TRANSPORT_FAILED)
    dial_text_tls(d->to, tls_of(c->transport), &err);
  else
    dial_text_lost(d->to, error, &err);
  fail(d, &err);
}

void dial_timeout(struct conn *c) {
  struct dial *d = dial_of(c);
  struct err err;
  char to[TO_MAX + 32];
  double seconds = (double)d->config->connect_timeout / 1000;
  switch (d->stage) {
  case DIAL_RESOLVE: dial_text_late(DIAL_LATE_NAME, host_of(d), seconds, &err); break;
  case DIAL_CONNECT:
    snprintf(to, sizeof to, "%s within %g s", d->to, seconds);
    connector_explain(d->connector, to, &err);
    break;
  case DIAL_TUNNEL:
  case DIAL_UPGRADE:
    dial_text_late(conn_tls_is_shaking(c)           ? DIAL_LATE_TLS
                   : http_reply_has_begun(d->reply) ? DIAL_LATE_REST
                                                    : DIAL_LATE_ANSWER,
                   d->to, seconds, &err);
    break;
  }
  fail(d, &err);
}
