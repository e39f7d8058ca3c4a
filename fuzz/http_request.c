// Fuzzes the HTTP request, and the handshake with what it lets through: the first bytes choose the
// largest body and how the rest, the wire, is cut. However it is cut, the outcome must be the same
// to the byte, the limits must hold, and memory follows what has come.

#include <assert.h>
#include <stdint.h>

#include "base/mem.h"
#include "http/extension.h"
#include "http/handshake.h"
#include "http/request.h"
#include "http/response.h"
#include "http/token.h"
#include "http/url.h"
#include "support/input.h"
#include "support/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
  struct http_request *request;
  enum http_progress progress;
  size_t used;
  size_t continued; // where the 100 Continue was due; 0: nowhere
  struct ledger ledger;
};

// What a request may hold while `fed` bytes have come: a buffer that grows has room for as much
// again, and for a moment its old self is there too. The first term is the request's own.
static size_t ceiling_for(size_t fed) {
  return 16 * 1024 + 4 * fed;
}

static size_t feed_piece(struct outcome *o, const uint8_t *p, size_t n) {
  char *piece = (char *)input_copy(p, n);
  size_t used;
  ledger_enter(&o->ledger);
  o->progress = http_request_feed(o->request, piece, n, &used);
  ledger_leave(&o->ledger);
  assert(used <= n);
  assert(used == n || o->progress != HTTP_MORE);
  mem_free(piece);
  return used;
}

// Feeds the wire in pieces of up to `widest` bytes, 0: in one.
static struct outcome feed_all(struct input wire, size_t max_body, size_t widest, uint32_t cuts) {
  struct outcome o = {.progress = HTTP_MORE};
  ledger_enter(&o.ledger);
  o.request = http_request_new(max_body);
  ledger_leave(&o.ledger);
  while (o.used < wire.n && (o.progress == HTTP_MORE || o.progress == HTTP_CONTINUE)) {
    o.used += feed_piece(&o, wire.p + o.used, input_piece(wire.n - o.used, widest, &cuts));
    assert(o.ledger.peak <= ceiling_for(o.used));
    if (o.progress == HTTP_CONTINUE) {
      assert(o.continued == 0);
      o.continued = o.used;
    }
  }
  return o;
}

static void free_outcome(struct outcome *o) {
  ledger_enter(&o->ledger);
  http_request_free(o->request);
  ledger_leave(&o->ledger);
  assert(o->ledger.live == 0);
}

static void check_equal(const struct outcome *a, const struct outcome *b) {
  const struct http_request *x = a->request, *y = b->request;
  assert(a->progress == b->progress && a->used == b->used && a->continued == b->continued);
  assert(http_request_failure(x).status == http_request_failure(y).status);
  assert(http_request_failure(x).text == http_request_failure(y).text);
  assert(http_request_has_begun(x) == http_request_has_begun(y));
  assert(http_request_has_head(x) == http_request_has_head(y));
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

// A path that can be decoded and has no NUL, or the whole server.
static void check_target(const struct http_request *r) {
  struct span target = http_request_target(r), path, query;
  if (span_eq(target, SPAN("*"))) {
    assert(span_eq(http_request_method(r), SPAN("OPTIONS")));
    return;
  }
  assert(target.n > 0 && target.n <= HTTP_LINE_MAX && target.p[0] == '/');
  for (size_t i = 0; i < target.n; i++)
    assert(target.p[i] > ' ' && target.p[i] < 0x7f && target.p[i] != '#');
  http_url_split(target, &path, &query);
  while (path.n > 0) {
    int c = http_url_next_char(&path);
    assert(c > 0);
  }
}

// What a complete request may be relied upon for.
static void check_complete(const struct http_request *r, size_t max_body) {
  struct span host, port;
  check_target(r);
  assert(http_token_is_valid(http_request_method(r)));
  assert(http_request_body(r).n <= max_body);
  if (!http_request_is_http10(r)) assert(http_request_only_header(r, "host").p);
  if (http_request_only_header(r, "host").p)
    assert(http_url_split_authority(http_request_only_header(r, "host"), &host, &port));
  assert(http_request_header_count(r) <= HTTP_HEADERS_MAX + 1);
  assert(!http_request_header(r, "content-length").p ||
         !http_request_header(r, "transfer-encoding").p);
  size_t bytes = 0;
  for (size_t i = 0; i < http_request_header_count(r); i++) {
    const struct http_header *header = &http_request_headers(r)[i];
    assert(http_header_name_is_valid(header->name) && http_header_value_is_valid(header->value));
    assert(span_eq(header->value, span_trim(header->value)));
    bytes += header->name.n + header->value.n;
  }
  assert(bytes <= HTTP_LINE_MAX + HTTP_HEAD_MAX);
}

static void check_upgrade(const struct http_request *r) {
  struct http_protocol_iter at = {0, 0};
  struct span protocol;
  size_t count = 0;
  assert(span_eq(http_request_method(r), SPAN("GET")) && http_request_body(r).n == 0);
  assert(!http_request_is_http10(r) && http_request_has_token(r, "connection", "upgrade"));
  while (http_handshake_next_protocol(r, &at, &protocol)) {
    assert(http_token_is_valid(protocol));
    count++;
  }
  assert(count <= HTTP_PROTOCOLS_MAX);
  struct buf out;
  buf_init(&out, 1024);
  int rc = http_handshake_write(&out, http_request_header(r, "sec-websocket-key"), SPAN("a"),
                                SPAN("b"), SPAN("X: y\r\n"));
  assert(rc == 0);
  size_t whole = out.len;
  buf_deinit(&out);
  buf_init(&out, whole - 1);
  rc = http_handshake_write(&out, http_request_header(r, "sec-websocket-key"), SPAN("a"), SPAN("b"),
                            SPAN("X: y\r\n"));
  assert(rc == ERR_TOO_BIG && out.len == 0);
  buf_deinit(&out);
}

static void check_handshake(const struct http_request *r) {
  struct http_failure failure = {0, NULL};
  switch (http_handshake_check(r, &failure)) {
  case HTTP_UPGRADE_NONE: assert(failure.status == 0); return;
  case HTTP_UPGRADE_WEBSOCKET: check_upgrade(r); return;
  case HTTP_UPGRADE_BAD: assert(failure.status >= 400 && failure.text); return;
  }
}

// The same struct reads the next request as a new one does.
static void check_reset(struct outcome *o, struct input wire) {
  struct http_failure failure = http_request_failure(o->request);
  size_t used;
  http_request_reset(o->request);
  assert(!http_request_has_begun(o->request) && !http_request_failure(o->request).text);
  enum http_progress progress = http_request_feed(o->request, (const char *)wire.p, wire.n, &used);
  if (o->continued > 0) {
    assert(progress == HTTP_CONTINUE && used == o->continued);
    return;
  }
  assert(progress == o->progress && used == o->used);
  assert(http_request_failure(o->request).text == failure.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const size_t bodies[] = {0, 1, 5, 100, 65536, 1 << 20, UINT32_MAX, SIZE_MAX};
  struct input in = {data, size};
  size_t max_body = bodies[input_byte(&in) & 7];
  uint32_t cuts = 0;
  for (int i = 0; i < 3; i++)
    cuts = cuts << 8 | input_byte(&in);

  struct outcome whole = feed_all(in, max_body, 0, 0);
  assert((whole.progress == HTTP_BAD) == (http_request_failure(whole.request).status != 0));
  const size_t widths[] = {1, 4, 2 + cuts % 200};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    struct outcome cut = feed_all(in, max_body, widths[i], cuts);
    check_equal(&whole, &cut);
    free_outcome(&cut);
  }
  if (whole.progress == HTTP_COMPLETE) {
    check_complete(whole.request, max_body);
    check_handshake(whole.request);
  }
  if (in.n > 0) {
    ledger_enter(&whole.ledger);
    check_reset(&whole, in);
    ledger_leave(&whole.ledger);
  }
  free_outcome(&whole);
  return 0;
}
