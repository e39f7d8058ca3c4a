// The opening handshake as a client begins it. Pure.

#include "http/opening.h"

#include <openssl/evp.h>
#include "http/handshake.h"
#include "http/response.h"
#include "http/rules.h"
#include "http/token.h"
#include "http/url.h"

static const char *const RESERVED[] = {
    "Host",
    "Connection",
    "Upgrade",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Expect",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Accept",
};

static const char *find_fault(const struct http_opening *o);
static int write_all(struct buf *out, const struct http_opening *o);
static const char *find_fault_of_answer(const struct http_opening *o, const struct http_reply *r,
                                        struct span *protocol);

void http_opening_set_key(struct http_opening *o, const unsigned char random[16]) {
  unsigned char encoded[HTTP_KEY_SIZE + 1];
  EVP_EncodeBlock(encoded, random, 16);
  memcpy(o->key, encoded, HTTP_KEY_SIZE);
}

bool http_opening_is_reserved(struct span header) {
  for (size_t i = 0; i < sizeof RESERVED / sizeof RESERVED[0]; i++)
    if (span_eq_nocase(header, span_of(RESERVED[i]))) return true;
  return false;
}

int http_opening_write(struct buf *out, const struct http_opening *o, const char **why) {
  size_t before = out->len;
  *why = find_fault(o);
  if (*why) return ERR_INVALID;
  int rc = write_all(out, o);
  if (rc != 0) out->len = before;
  return rc;
}

enum http_answer http_opening_check(const struct http_opening *o, const struct http_reply *r,
                                    struct span *protocol, const char **why) {
  *protocol = (struct span){NULL, 0};
  if (http_reply_status(r) != 101) return HTTP_ANSWER_REFUSED;
  *why = find_fault_of_answer(o, r, protocol);
  if (!*why) return HTTP_ANSWER_WEBSOCKET;
  *protocol = (struct span){NULL, 0};
  return HTTP_ANSWER_BAD;
}

// ---- The request ----

static const char *check_target(const struct http_opening *o) {
  struct span host, port;
  if (!http_url_split_authority(o->host, &host, &port) || host.n == 0 || port.p)
    return "malformed host";
  if (o->port == 0) return "no port";
  if (o->target.n == 0 || o->target.p[0] != '/') return "a path must begin with \"/\"";
  return http_rules_check_target(o->target, SPAN("GET")).text;
}

static const char *check_protocols(const struct http_opening *o) {
  for (size_t i = 0; i < o->protocol_count; i++) {
    if (!http_token_is_valid(o->protocols[i])) return "malformed subprotocol";
    for (size_t j = 0; j < i; j++)
      if (span_eq(o->protocols[j], o->protocols[i])) return "the same subprotocol twice";
  }
  return NULL;
}

static const char *check_headers(const struct http_opening *o) {
  for (size_t i = 0; i < o->header_count; i++) {
    const struct http_header *header = &o->headers[i];
    if (!http_header_name_is_valid(header->name)) return "malformed header name";
    if (http_opening_is_reserved(header->name)) return "a header that luaws writes itself";
    if (!http_header_value_is_valid(header->value))
      return "a header with a line break or another control character in it";
  }
  if (!http_header_value_is_valid(o->extensions)) return "malformed extensions";
  return NULL;
}

static const char *find_fault(const struct http_opening *o) {
  const char *why = check_target(o);
  if (!why) why = check_protocols(o);
  return why ? why : check_headers(o);
}

static int write_protocols(struct buf *out, const struct http_opening *o) {
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < o->protocol_count; i++) {
    rc = buf_append_str(out, i == 0 ? "Sec-WebSocket-Protocol: " : ", ");
    if (rc == 0) rc = buf_append(out, o->protocols[i].p, o->protocols[i].n);
  }
  if (rc == 0 && o->protocol_count > 0) rc = buf_append_str(out, "\r\n");
  return rc;
}

static int write_all(struct buf *out, const struct http_opening *o) {
  int rc = buf_append_str(out, "GET ");
  if (rc == 0) rc = buf_append(out, o->target.p, o->target.n);
  if (rc == 0) rc = buf_append_str(out, " HTTP/1.1\r\nHost: ");
  if (rc == 0) rc = buf_append(out, o->host.p, o->host.n);
  if (rc == 0 && o->port != (o->is_secure ? 443 : 80)) rc = buf_printf(out, ":%u", o->port);
  if (rc == 0)
    rc = buf_append_str(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\n");
  if (rc == 0)
    rc = http_response_header(out, SPAN("Sec-WebSocket-Key"), (struct span){o->key, HTTP_KEY_SIZE});
  if (rc == 0) rc = write_protocols(out, o);
  if (rc == 0 && o->extensions.n > 0)
    rc = http_response_header(out, SPAN("Sec-WebSocket-Extensions"), o->extensions);
  for (size_t i = 0; rc == 0 && i < o->header_count; i++)
    rc = http_response_header(out, o->headers[i].name, o->headers[i].value);
  return rc == 0 ? buf_append_str(out, "\r\n") : rc;
}

// ---- The answer ----

static bool accepts_key(const struct http_opening *o, struct span accept) {
  char expected[HTTP_ACCEPT_SIZE];
  http_handshake_accept((struct span){o->key, HTTP_KEY_SIZE}, expected);
  return span_eq(accept, (struct span){expected, sizeof expected});
}

static const char *check_protocol(const struct http_opening *o, const struct http_reply *r,
                                  struct span *protocol) {
  size_t count = http_header_count(http_reply_headers(r), http_reply_header_count(r),
                                   "sec-websocket-protocol", protocol);
  if (count > 1) return "the server chose two subprotocols";
  if (count == 0) return NULL;
  for (size_t i = 0; i < o->protocol_count; i++)
    if (span_eq(o->protocols[i], *protocol)) return NULL;
  return "the server chose a subprotocol that was not offered";
}

static const char *find_fault_of_answer(const struct http_opening *o, const struct http_reply *r,
                                        struct span *protocol) {
  const struct http_header *headers = http_reply_headers(r);
  size_t count = http_reply_header_count(r);
  if (http_reply_is_http10(r)) return "the server switched protocols in HTTP/1.0";
  struct span upgrade = http_header_only(headers, count, "upgrade");
  if (!upgrade.p || !span_eq_nocase(upgrade, SPAN("websocket")))
    return "no \"Upgrade: websocket\" in the answer";
  if (!http_header_has_token(headers, count, "connection", "upgrade"))
    return "no \"Connection: Upgrade\" in the answer";
  struct span accept = http_header_only(headers, count, "sec-websocket-accept");
  if (!accept.p) return "not one Sec-WebSocket-Accept in the answer";
  if (!accepts_key(o, accept)) return "the answer's Sec-WebSocket-Accept is not for this request";
  return check_protocol(o, r, protocol);
}
