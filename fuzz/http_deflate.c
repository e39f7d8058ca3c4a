// Fuzzes the negotiation of permessage-deflate. The first two bytes are the server's and the
// client's policy; each further line is the value of a Sec-WebSocket-Extensions header, taken for a
// client's offers and for a server's answer. What is agreed keeps to both policies, and both sides
// read the same out of an answer.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/deflate.h"
#include "http/extension.h"
#include "http/handshake.h"
#include "http/request.h"
#include "http/response.h"
#include "support/input.h"

#define LINES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_deflate_policy anything = {15, true};

static struct http_deflate_policy read_policy(uint8_t choice) {
  return (struct http_deflate_policy){(uint8_t)(9 + choice % 7), (choice & 0x80) != 0};
}

// A request with these values; NULL: it is refused before anything is negotiated.
static struct http_request *make_request(const struct http_header *headers, size_t count) {
  struct buf wire;
  buf_init(&wire, SIZE_MAX);
  buf_append_str(&wire, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  for (size_t i = 0; i < count; i++) {
    buf_append_str(&wire, "Sec-WebSocket-Extensions: ");
    buf_append(&wire, headers[i].value.p, headers[i].value.n);
    buf_append_str(&wire, "\r\n");
  }
  buf_append_str(&wire, "\r\n");
  struct http_request *r = http_request_new(0);
  struct http_failure failure;
  size_t used;
  bool is_fine = http_request_feed(r, wire.data, wire.len, &used) == HTTP_COMPLETE &&
                 http_handshake_check(r, &failure) == HTTP_UPGRADE_WEBSOCKET;
  buf_deinit(&wire);
  if (is_fine) return r;
  http_request_free(r);
  return NULL;
}

static bool are_equal(const struct http_deflate *a, const struct http_deflate *b) {
  return a->server_bits == b->server_bits && a->client_bits == b->client_bits &&
         a->server_takeover == b->server_takeover && a->client_takeover == b->client_takeover;
}

static void check_range(const struct http_deflate *agreed) {
  assert(agreed->server_bits >= 9 && agreed->server_bits <= 15);
  assert(agreed->client_bits >= 9 && agreed->client_bits <= 15);
}

// Has the server negotiate; what the client makes of its answer must be the same. False: no offer
// is to the server's taste.
static bool negotiate(const struct http_request *r, const struct http_deflate_policy *server,
                      const struct http_deflate_policy *client) {
  struct http_deflate agreed, understood;
  char answer[HTTP_DEFLATE_ANSWER_MAX];
  if (!http_deflate_accept(r, server, &agreed, answer)) return false;
  check_range(&agreed);
  assert(agreed.server_bits <= server->window_bits);
  assert(server->context_takeover || (!agreed.server_takeover && !agreed.client_takeover));
  assert(memchr(answer, '\0', sizeof answer) && http_header_value_is_valid(span_of(answer)));

  const struct http_header header = {SPAN("Sec-WebSocket-Extensions"), span_of(answer)};
  bool is_on;
  const char *why = http_deflate_check(&header, 1, client, &understood, &is_on);
  // A window of 8 bits may be asked of somebody else's client.
  if (client == &anything && strstr(answer, "client_max_window_bits=8")) {
    assert(why && agreed.client_bits == 9);
    return true;
  }
  assert(!why && is_on && are_equal(&agreed, &understood));
  return true;
}

// Our own client and server always come to terms.
static void check_own(const struct http_deflate_policy *server,
                      const struct http_deflate_policy *client) {
  char offer[HTTP_DEFLATE_OFFER_MAX];
  http_deflate_offer(client, offer);
  assert(memchr(offer, '\0', sizeof offer));
  const struct http_header header = {SPAN("Sec-WebSocket-Extensions"), span_of(offer)};
  struct http_request *r = make_request(&header, 1);
  assert(r);
  bool is_on = negotiate(r, server, client);
  assert(is_on);
  http_request_free(r);
}

// The lines as a server's answer.
static void check_answer(const struct http_header *headers, size_t count,
                         const struct http_deflate_policy *client) {
  struct http_deflate agreed;
  bool is_on;
  const char *why = http_deflate_check(headers, count, NULL, &agreed, &is_on);
  assert(why || !is_on);
  why = http_deflate_check(headers, count, client, &agreed, &is_on);
  if (why || !is_on) return;
  check_range(&agreed);
  assert(agreed.server_bits <= client->window_bits && agreed.client_bits <= client->window_bits);
  assert(client->context_takeover || (!agreed.server_takeover && !agreed.client_takeover));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  const struct http_deflate_policy server = read_policy(input_byte(&in));
  const struct http_deflate_policy client = read_policy(input_byte(&in));
  uint8_t *lines[LINES_MAX];
  struct http_header headers[LINES_MAX];
  size_t count = 0;
  while (in.n > 0 && count < LINES_MAX) {
    const uint8_t *end = memchr(in.p, '\n', in.n);
    struct input line = input_take(&in, end ? (size_t)(end - in.p) : in.n);
    input_byte(&in);
    lines[count] = input_copy(line.p, line.n);
    headers[count] = (struct http_header){SPAN("Sec-WebSocket-Extensions"),
                                          {(const char *)lines[count], line.n}};
    count++;
  }

  check_own(&server, &client);
  check_answer(headers, count, &client);
  struct http_request *r = make_request(headers, count);
  if (r) {
    assert(http_extension_check(headers, count) == HTTP_EXTENSIONS_FINE);
    negotiate(r, &server, &anything);
    http_request_free(r);
  }
  while (count > 0)
    mem_free(lines[--count]);
  return 0;
}
