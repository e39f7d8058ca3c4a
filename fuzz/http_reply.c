// Fuzzes what a server answers a client, or a proxy: the first byte chooses which, and whether the
// connection ends behind it; the next three how the rest, the wire, is cut. However it is cut, the
// outcome must be the same to the byte, the limits must hold, and memory stays under a ceiling
// whatever comes. What is complete is taken for the answer to a handshake, or to a CONNECT.

#include <assert.h>
#include <stdint.h>

#include "base/mem.h"
#include "http/deflate.h"
#include "http/handshake.h"
#include "http/opening.h"
#include "http/reply.h"
#include "http/token.h"
#include "http/tunnel.h"
#include "support/input.h"
#include "support/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Two heads and their headers, the start of a body, a line of chunks, each twice for it may grow.
#define MEMORY_MAX (128 * 1024)

enum { ENDS = 1, TO_CONNECT = 2 };

struct outcome {
  struct http_reply *reply;
  enum http_progress progress;
  size_t used;
  struct ledger ledger;
};

static size_t feed_piece(struct outcome *o, const uint8_t *p, size_t n) {
  char *piece = (char *)input_copy(p, n);
  size_t used;
  ledger_enter(&o->ledger);
  o->progress = http_reply_feed(o->reply, piece, n, &used);
  ledger_leave(&o->ledger);
  assert(used <= n && o->progress != HTTP_CONTINUE);
  assert(used == n || o->progress != HTTP_MORE);
  mem_free(piece);
  return used;
}

static struct outcome feed_all(struct input wire, unsigned mode, size_t widest, uint32_t cuts) {
  struct outcome o = {.progress = HTTP_MORE};
  ledger_enter(&o.ledger);
  o.reply = (mode & TO_CONNECT) != 0 ? http_reply_new_to_connect() : http_reply_new();
  ledger_leave(&o.ledger);
  while (o.used < wire.n && o.progress == HTTP_MORE)
    o.used += feed_piece(&o, wire.p + o.used, input_piece(wire.n - o.used, widest, &cuts));
  assert(http_reply_has_begun(o.reply) == (o.used > 0));
  if ((mode & ENDS) != 0 && o.progress == HTTP_MORE) {
    o.progress = http_reply_end(o.reply);
    assert(o.progress == HTTP_COMPLETE || o.progress == HTTP_BAD);
  }
  assert(o.ledger.peak <= MEMORY_MAX);
  return o;
}

static void free_outcome(struct outcome *o) {
  ledger_enter(&o->ledger);
  http_reply_free(o->reply);
  ledger_leave(&o->ledger);
  assert(o->ledger.live == 0);
}

static void check_equal(const struct outcome *a, const struct outcome *b) {
  const struct http_reply *x = a->reply, *y = b->reply;
  assert(a->progress == b->progress && a->used == b->used);
  assert(http_reply_failure(x) == http_reply_failure(y));
  if (a->progress != HTTP_COMPLETE) return;
  assert(http_reply_status(x) == http_reply_status(y));
  assert(http_reply_is_http10(x) == http_reply_is_http10(y));
  assert(span_eq(http_reply_reason(x), http_reply_reason(y)));
  assert(span_eq(http_reply_body(x), http_reply_body(y)));
  assert(http_reply_header_count(x) == http_reply_header_count(y));
  for (size_t i = 0; i < http_reply_header_count(x); i++) {
    assert(span_eq(http_reply_headers(x)[i].name, http_reply_headers(y)[i].name));
    assert(span_eq(http_reply_headers(x)[i].value, http_reply_headers(y)[i].value));
  }
}

static void check_complete(const struct http_reply *r) {
  int status = http_reply_status(r);
  assert(status == 101 || (status >= 200 && status <= 599));
  assert(http_header_value_is_valid(http_reply_reason(r)));
  assert(http_reply_body(r).n <= HTTP_REPLY_BODY_MAX);
  if (status == 101) assert(http_reply_body(r).n == 0);
  assert(http_reply_header_count(r) <= HTTP_HEADERS_MAX);
  for (size_t i = 0; i < http_reply_header_count(r); i++) {
    const struct http_header *header = &http_reply_headers(r)[i];
    assert(http_header_name_is_valid(header->name) && http_header_value_is_valid(header->value));
    assert(span_eq(header->value, span_trim(header->value)));
  }
}

// As the client would that asked as RFC 6455 section 1.3 does.
static void check_answer(const struct http_reply *r) {
  static const struct http_deflate_policy policy = {15, true};
  const struct span protocols[] = {SPAN("chat"), SPAN("superchat")};
  struct http_opening o = {.protocols = protocols, .protocol_count = 2};
  struct http_deflate agreed;
  struct span protocol;
  const char *why = NULL;
  bool is_on;
  http_opening_set_key(&o, (const unsigned char *)"the sample nonce");
  switch (http_opening_check(&o, r, &protocol, &why)) {
  case HTTP_ANSWER_REFUSED: assert(http_reply_status(r) != 101); return;
  case HTTP_ANSWER_BAD: assert(why && protocol.n == 0); return;
  case HTTP_ANSWER_WEBSOCKET: break;
  }
  assert(http_reply_status(r) == 101 && !http_reply_is_http10(r));
  assert(protocol.n == 0 || span_eq(protocol, protocols[0]) || span_eq(protocol, protocols[1]));
  http_deflate_check(http_reply_headers(r), http_reply_header_count(r), &policy, &agreed, &is_on);
}

static void check_tunnel(const struct http_reply *r) {
  int status = http_reply_status(r);
  bool is_open = http_tunnel_is_open(r);
  assert(is_open == (status >= 200 && status <= 299));
  assert(!is_open || http_reply_body(r).n == 0);
  assert(!is_open || http_tunnel_hint(status)[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  unsigned mode = input_byte(&in);
  uint32_t cuts = 0;
  for (int i = 0; i < 3; i++)
    cuts = cuts << 8 | input_byte(&in);

  struct outcome whole = feed_all(in, mode, 0, 0);
  assert((whole.progress == HTTP_BAD) == (http_reply_failure(whole.reply) != NULL));
  const size_t widths[] = {1, 4, 2 + cuts % 200};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    struct outcome cut = feed_all(in, mode, widths[i], cuts);
    check_equal(&whole, &cut);
    free_outcome(&cut);
  }
  if (whole.progress == HTTP_COMPLETE) {
    check_complete(whole.reply);
    if ((mode & TO_CONNECT) != 0)
      check_tunnel(whole.reply);
    else
      check_answer(whole.reply);
  }
  free_outcome(&whole);
  return 0;
}
