// The opening handshake. Pure.

#include "http/handshake.h"

#include <assert.h>
#define OPENSSL_API_COMPAT 10101 // the digest itself: looking it up by name costs more than it does
#include <openssl/evp.h>
#include <openssl/sha.h>
#include "http/extension.h"
#include "http/response.h"
#include "http/token.h"

#define GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_SIZE 24 // characters of 16 bytes in base64

static struct http_failure check_request(const struct http_request *r);
static struct http_failure check_version(const struct http_request *r);
static struct http_failure check_key(const struct http_request *r);
static struct http_failure check_protocols(const struct http_request *r);
static struct http_failure check_extensions(const struct http_request *r);
static struct http_failure check_origin(const struct http_request *r);
static bool has_body(const struct http_request *r);

enum http_upgrade http_handshake_check(const struct http_request *r, struct http_failure *failure) {
  if (!http_request_has_token(r, "upgrade", "websocket")) return HTTP_UPGRADE_NONE;
  *failure = check_request(r);
  if (!failure->status) *failure = check_version(r);
  if (!failure->status) *failure = check_key(r);
  if (!failure->status) *failure = check_protocols(r);
  if (!failure->status) *failure = check_extensions(r);
  if (!failure->status) *failure = check_origin(r);
  return failure->status ? HTTP_UPGRADE_BAD : HTTP_UPGRADE_WEBSOCKET;
}

void http_handshake_accept(struct span key, char out[HTTP_ACCEPT_SIZE]) {
  char text[KEY_SIZE + sizeof GUID - 1];
  unsigned char digest[SHA_DIGEST_LENGTH], encoded[HTTP_ACCEPT_SIZE + 1];
  assert(key.n == KEY_SIZE);
  memcpy(text, key.p, KEY_SIZE);
  memcpy(text + KEY_SIZE, GUID, sizeof GUID - 1);
  SHA_CTX sha1;
  SHA1_Init(&sha1);
  SHA1_Update(&sha1, text, sizeof text);
  SHA1_Final(digest, &sha1);
  EVP_EncodeBlock(encoded, digest, sizeof digest);
  memcpy(out, encoded, HTTP_ACCEPT_SIZE);
}

bool http_handshake_next_protocol(const struct http_request *r, struct http_protocol_iter *at,
                                  struct span *protocol) {
  const struct http_header *headers = http_request_headers(r);
  for (; at->header < http_request_header_count(r); at->header++, at->offset = 0) {
    struct span value = headers[at->header].value;
    // One past the end is the place behind the last element.
    if (!span_eq_nocase(headers[at->header].name, SPAN("sec-websocket-protocol"))) continue;
    if (at->offset > value.n) continue;
    struct span rest = {value.p + at->offset, value.n - at->offset};
    http_token_next(&rest, protocol);
    at->offset = rest.p ? (size_t)(rest.p - value.p) : value.n + 1;
    return true;
  }
  return false;
}

int http_handshake_write(struct buf *out, struct span key, struct span protocol,
                         struct span extensions, struct span extra) {
  size_t before = out->len;
  char accept[HTTP_ACCEPT_SIZE];
  http_handshake_accept(key, accept);
  int rc = buf_append_str(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
  if (rc == 0) rc = buf_append(out, accept, sizeof accept);
  if (rc == 0) rc = buf_append_str(out, "\r\n");
  if (rc == 0 && protocol.n > 0)
    rc = http_response_header(out, SPAN("Sec-WebSocket-Protocol"), protocol);
  if (rc == 0 && extensions.n > 0)
    rc = http_response_header(out, SPAN("Sec-WebSocket-Extensions"), extensions);
  if (rc == 0) rc = buf_append(out, extra.p, extra.n);
  if (rc == 0) rc = buf_append_str(out, "\r\n");
  if (rc != 0) out->len = before;
  return rc;
}

static struct http_failure fail(int status, const char *text) {
  return (struct http_failure){status, text};
}

static struct http_failure check_request(const struct http_request *r) {
  if (!span_eq(http_request_method(r), SPAN("GET")))
    return fail(405, "a WebSocket handshake is a GET");
  if (http_request_is_http10(r)) return fail(400, "a WebSocket handshake needs HTTP/1.1");
  // Proxies that forward a handshake like any request drop it.
  if (!http_request_has_token(r, "connection", "upgrade"))
    return fail(400, "no \"Connection: Upgrade\"");
  if (has_body(r)) return fail(400, "a WebSocket handshake with a body");
  return fail(0, NULL);
}

static size_t count_headers(const struct http_request *r, const char *name, struct span *last) {
  return http_header_count(http_request_headers(r), http_request_header_count(r), name, last);
}

// A number from 0 to 255 without leading zeros (RFC 6455 section 4.3).
static bool is_version(struct span s) {
  unsigned number = 0;
  if (s.n == 0 || s.n > 3 || (s.n > 1 && s.p[0] == '0')) return false;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9') return false;
    number = number * 10 + (unsigned)(s.p[i] - '0');
  }
  return number <= 255;
}

static struct http_failure check_version(const struct http_request *r) {
  struct span version;
  size_t count = count_headers(r, "sec-websocket-version", &version);
  if (count == 0) return fail(400, "no Sec-WebSocket-Version header");
  if (count > 1) return fail(400, "two Sec-WebSocket-Version headers");
  if (!is_version(version)) return fail(400, "malformed Sec-WebSocket-Version");
  if (!span_eq(version, SPAN("13"))) return fail(426, "only WebSocket version 13 is supported");
  return fail(0, NULL);
}

// 22 characters of base64 hold 16 bytes and 4 bits that are not looked at; "==" fills up.
static bool is_key(struct span key) {
  if (key.n != KEY_SIZE || memcmp(key.p + KEY_SIZE - 2, "==", 2) != 0) return false;
  for (size_t i = 0; i < KEY_SIZE - 2; i++) {
    char c = key.p[i];
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && c != '+' && c != '/') return false;
  }
  return true;
}

static struct http_failure check_key(const struct http_request *r) {
  struct span key;
  size_t count = count_headers(r, "sec-websocket-key", &key);
  if (count == 0) return fail(400, "no Sec-WebSocket-Key header");
  if (count > 1) return fail(400, "two Sec-WebSocket-Key headers");
  if (!is_key(key)) return fail(400, "malformed Sec-WebSocket-Key");
  return fail(0, NULL);
}

// Tokens, each offered once (RFC 6455 section 4.1, step 10).
static struct http_failure check_protocols(const struct http_request *r) {
  struct span offered[HTTP_PROTOCOLS_MAX], protocol;
  struct http_protocol_iter at = {0, 0};
  size_t count = 0;
  while (http_handshake_next_protocol(r, &at, &protocol)) {
    if (!http_token_is_valid(protocol)) return fail(400, "malformed Sec-WebSocket-Protocol");
    if (count == HTTP_PROTOCOLS_MAX) return fail(400, "too many subprotocols");
    for (size_t i = 0; i < count; i++)
      if (span_eq(offered[i], protocol)) return fail(400, "the same subprotocol twice");
    offered[count++] = protocol;
  }
  return fail(0, NULL);
}

// A list that can't be read must fail the connection (RFC 6455 section 9.1), whatever it offers.
static struct http_failure check_extensions(const struct http_request *r) {
  switch (http_extension_check(http_request_headers(r), http_request_header_count(r))) {
  case HTTP_EXTENSIONS_MALFORMED: return fail(400, "malformed Sec-WebSocket-Extensions");
  case HTTP_EXTENSIONS_TOO_MANY: return fail(400, "too many extensions");
  case HTTP_EXTENSIONS_FINE: break;
  }
  return fail(0, NULL);
}

// Whoever decides by the first of two could be told a lie in the other one.
static struct http_failure check_origin(const struct http_request *r) {
  struct span origin;
  if (count_headers(r, "origin", &origin) > 1) return fail(400, "two Origin headers");
  return fail(0, NULL);
}

static bool has_body(const struct http_request *r) {
  return http_request_body(r).n > 0 || http_request_header(r, "transfer-encoding").p;
}
