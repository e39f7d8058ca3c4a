// Fuzzes the HTTP request, and the handshake with what it lets through: the first bytes choose the
// largest body and how the rest, the wire, is cut. However it is cut, the outcome must be the same
// to the byte, and the limits must hold.

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/deflate.h"
#include "http/handshake.h"
#include "http/proxies.h"
#include "http/request.h"
#include "http/response.h"
#include "http/token.h"

#define SETTINGS_SIZE 4

struct outcome {
  struct http_request *request;
  enum http_progress progress;
  size_t used;
  size_t continued; // where the 100 Continue was due; 0: nowhere
};

// Feeds a copy of its own size, so that the sanitizer sees a read past the piece.
static size_t feed_piece(struct outcome *o, const uint8_t *p, size_t n) {
  char *piece = mem_dup(p, n);
  piece = mem_realloc(piece, n);
  size_t used;
  o->progress = http_request_feed(o->request, piece, n, &used);
  assert(used <= n);
  assert(used == n || o->progress != HTTP_MORE);
  mem_free(piece);
  return used;
}

// Feeds the wire in pieces whose sizes come from `cuts`: 0 for one piece, 1 for single bytes.
static struct outcome feed_all(const uint8_t *p, size_t n, size_t max_body, uint32_t cuts) {
  struct outcome o = {.request = http_request_new(max_body), .progress = HTTP_MORE};
  while (o.used < n && (o.progress == HTTP_MORE || o.progress == HTTP_CONTINUE)) {
    size_t size = n - o.used;
    if (cuts == 1) size = 1;
    if (cuts > 1) {
      cuts = cuts * 1664525 + 1013904223;
      size_t wanted = 1 + (cuts >> 24) % ((cuts >> 20 & 15) + 1);
      if (wanted < size) size = wanted;
    }
    o.used += feed_piece(&o, p + o.used, size);
    if (o.progress == HTTP_CONTINUE) {
      assert(o.continued == 0);
      o.continued = o.used;
    }
  }
  return o;
}

static void check_equal(const struct outcome *a, const struct outcome *b) {
  const struct http_request *x = a->request, *y = b->request;
  assert(a->progress == b->progress && a->used == b->used && a->continued == b->continued);
  assert(http_request_failure(x).status == http_request_failure(y).status);
  assert(http_request_failure(x).text == http_request_failure(y).text);
  assert(http_request_has_begun(x) == http_request_has_begun(y));
  if (a->progress != HTTP_COMPLETE) return;
  assert(span_eq(http_request_method(x), http_request_method(y)));
  assert(span_eq(http_request_target(x), http_request_target(y)));
  assert(span_eq(http_request_body(x), http_request_body(y)));
  assert(http_request_header_count(x) == http_request_header_count(y));
  assert(http_request_is_http10(x) == http_request_is_http10(y));
  assert(http_request_keep_alive(x) == http_request_keep_alive(y));
  for (size_t i = 0; i < http_request_header_count(x); i++) {
    assert(span_eq(http_request_headers(x)[i].name, http_request_headers(y)[i].name));
    assert(span_eq(http_request_headers(x)[i].value, http_request_headers(y)[i].value));
  }
}

// What a complete request may be relied upon for.
static void check_complete(const struct http_request *r, size_t max_body) {
  struct span target = http_request_target(r);
  assert(http_token_is_valid(http_request_method(r)));
  assert(target.n > 0 && target.n <= HTTP_LINE_MAX && target.p[0] == '/');
  for (size_t i = 0; i < target.n; i++)
    assert(target.p[i] > ' ' && target.p[i] < 0x7f && target.p[i] != '#');
  assert(http_request_body(r).n <= max_body);
  assert(http_request_is_http10(r) || http_request_header(r, "host").p);
  assert(http_request_header_count(r) <= HTTP_HEADERS_MAX + 1);
  size_t bytes = 0;
  for (size_t i = 0; i < http_request_header_count(r); i++) {
    const struct http_header *header = &http_request_headers(r)[i];
    assert(http_header_name_is_valid(header->name) && http_header_value_is_valid(header->value));
    assert(span_eq(header->value, span_trim(header->value)));
    bytes += header->name.n + header->value.n;
  }
  assert(bytes <= HTTP_LINE_MAX + HTTP_HEAD_MAX);
}

// What trusted proxies say is an address as it is always written.
static void check_client(const struct http_request *r) {
  static char *everybody[] = {"0.0.0.0/0", "2001:db8::/32", "unix:", NULL};
  struct http_client client = {.address = ""};
  struct http_ip ip;
  char text[HTTP_IP_TEXT_MAX];
  struct http_proxies *p = http_proxies_new(everybody);
  http_proxies_correct(p, r, &client);
  http_proxies_free(p);
  if (client.address[0] == '\0') return;
  bool is_address = http_ip_read(span_of(client.address), &ip);
  assert(is_address);
  http_ip_write(&ip, text);
  assert(strcmp(text, client.address) == 0);
}

static void check_handshake(const struct http_request *r) {
  struct http_failure failure = {0, NULL};
  enum http_upgrade upgrade = http_handshake_check(r, &failure);
  assert((upgrade == HTTP_UPGRADE_BAD) == (failure.status != 0));
  if (upgrade != HTTP_UPGRADE_WEBSOCKET) return;
  struct http_protocol_iter at = {0, 0};
  struct span protocol;
  size_t count = 0;
  while (http_handshake_next_protocol(r, &at, &protocol)) {
    assert(http_token_is_valid(protocol));
    count++;
  }
  assert(count <= HTTP_PROTOCOLS_MAX);
  static const struct http_deflate_policy POLICY = {.window_bits = 12};
  struct http_deflate agreed;
  char answer[HTTP_DEFLATE_ANSWER_MAX] = "";
  if (http_deflate_accept(r, &POLICY, &agreed, answer)) {
    assert(agreed.server_bits >= 9 && agreed.server_bits <= POLICY.window_bits);
    assert(agreed.client_bits >= 9 && agreed.client_bits <= 15);
  }
  struct buf out;
  buf_init(&out, 1024);
  int rc = http_handshake_write(&out, http_request_header(r, "sec-websocket-key"),
                                (struct span){NULL, 0}, span_of(answer), (struct span){NULL, 0});
  assert(rc == 0);
  buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const size_t bodies[] = {0, 1, 5, 100, 65536, 1 << 20, UINT32_MAX, SIZE_MAX};
  if (size < SETTINGS_SIZE) return 0;
  size_t max_body = bodies[data[0] & 7];
  uint32_t cuts = 2 + ((uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3]);
  const uint8_t *wire = data + SETTINGS_SIZE;
  size_t n = size - SETTINGS_SIZE;

  struct outcome whole = feed_all(wire, n, max_body, 0);
  struct outcome bytes = feed_all(wire, n, max_body, 1);
  struct outcome pieces = feed_all(wire, n, max_body, cuts);
  check_equal(&whole, &bytes);
  check_equal(&whole, &pieces);
  assert((whole.progress == HTTP_BAD) == (http_request_failure(whole.request).status != 0));
  if (whole.progress == HTTP_COMPLETE) {
    check_complete(whole.request, max_body);
    check_handshake(whole.request);
    check_client(whole.request);
  }
  http_request_free(whole.request);
  http_request_free(bytes.request);
  http_request_free(pieces.request);
  return 0;
}
