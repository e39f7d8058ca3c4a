// Fuzzes the handshake that a client begins: the input's lines are host, target, subprotocols,
// extensions, and headers as "name:value"; the two bytes before them are the port. What is written
// the server's side must understand as it was meant, and nothing more; its answer the client's.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/handshake.h"
#include "http/opening.h"
#include "http/request.h"
#include "http/token.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PROTOCOLS_MAX = 8, EXTRA_MAX = 8 };

struct parts {
  struct span protocols[PROTOCOLS_MAX];
  struct http_header headers[EXTRA_MAX];
};

static struct http_opening read_opening(struct span text, struct parts *parts) {
  struct http_opening o = {.protocols = parts->protocols, .headers = parts->headers};
  o.host = input_part(&text, '\n');
  o.target = input_part(&text, '\n');
  struct span list = input_part(&text, '\n');
  while (list.n > 0 && o.protocol_count < PROTOCOLS_MAX)
    parts->protocols[o.protocol_count++] = input_part(&list, ',');
  o.extensions = input_part(&text, '\n');
  while (text.n > 0 && o.header_count < EXTRA_MAX) {
    struct span line = input_part(&text, '\n');
    struct http_header *header = &parts->headers[o.header_count++];
    header->name = input_part(&line, ':');
    header->value = line;
  }
  http_opening_set_key(&o, (const unsigned char *)"the sample nonce");
  return o;
}

static size_t count_of(const struct http_request *r) {
  return http_request_header_count(r);
}

// Every header is the client's own or one of `o`, in its order.
static void check_headers(const struct http_opening *o, const struct http_request *r) {
  const struct http_header *headers = http_request_headers(r);
  size_t own = 5 + (o->protocol_count > 0) + (o->extensions.n > 0);
  assert(count_of(r) == own + o->header_count);
  for (size_t i = 0; i < o->header_count; i++) {
    assert(span_eq(headers[own + i].name, o->headers[i].name));
    assert(span_eq(headers[own + i].value, span_trim(o->headers[i].value)));
  }
}

static void check_protocols(const struct http_opening *o, const struct http_request *r) {
  struct http_protocol_iter at = {0, 0};
  struct span protocol;
  size_t count = 0;
  while (http_handshake_next_protocol(r, &at, &protocol)) {
    assert(count < o->protocol_count && span_eq(protocol, o->protocols[count]));
    count++;
  }
  assert(count == o->protocol_count);
}

// The server answers with the last subprotocol; the client must believe it, and no other key's.
static void check_answer(struct http_opening *o, const struct http_request *r) {
  struct span chosen = {NULL, 0}, understood;
  const char *why;
  size_t used;
  struct buf out;
  buf_init(&out, SIZE_MAX);
  if (o->protocol_count > 0) chosen = o->protocols[o->protocol_count - 1];
  http_handshake_write(&out, http_request_header(r, "sec-websocket-key"), chosen,
                       (struct span){NULL, 0}, (struct span){NULL, 0});
  struct http_reply *reply = http_reply_new();
  enum http_progress progress = http_reply_feed(reply, out.data, out.len, &used);
  if (progress == HTTP_COMPLETE) {
    assert(used == out.len);
    assert(http_opening_check(o, reply, &understood, &why) == HTTP_ANSWER_WEBSOCKET);
    assert(span_eq(understood, chosen));
    http_opening_set_key(o, (const unsigned char *)"another 16 bytes");
    assert(http_opening_check(o, reply, &understood, &why) == HTTP_ANSWER_BAD && why);
  } else {
    assert(chosen.n > HTTP_HEAD_MAX / 2);
  }
  http_reply_free(reply);
  buf_deinit(&out);
}

static void check_written(struct http_opening *o, struct span wire) {
  struct http_request *r = http_request_new(0);
  struct http_failure failure;
  size_t used;
  enum http_progress progress = http_request_feed(r, wire.p, wire.n, &used);
  if (progress == HTTP_COMPLETE) {
    assert(used == wire.n);
    assert(span_eq(http_request_target(r), o->target));
    struct span host = http_request_only_header(r, "host");
    assert(host.n >= o->host.n && memcmp(host.p, o->host.p, o->host.n) == 0);
    check_headers(o, r);
    // What it wouldn't take of a client that is well-formed: extensions that aren't, two Origins.
    if (http_handshake_check(r, &failure) == HTTP_UPGRADE_WEBSOCKET) {
      check_protocols(o, r);
      check_answer(o, r);
    } else {
      assert(o->extensions.n > 0 || o->header_count > 1);
    }
  } else {
    int status = http_request_failure(r).status;
    assert(status == 414 || status == 431);
  }
  http_request_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  uint16_t port = (uint16_t)(input_byte(&in) << 8);
  port = (uint16_t)(port | input_byte(&in));
  char *copy = (char *)input_copy(in.p, in.n);
  struct parts parts;
  struct http_opening o = read_opening((struct span){copy, in.n}, &parts);
  o.port = port;
  o.is_secure = (in.n & 1) != 0;

  const char *why;
  struct buf out;
  buf_init(&out, SIZE_MAX);
  int rc = http_opening_write(&out, &o, &why);
  assert(rc == 0 || (rc == ERR_INVALID && why && out.len == 0));
  if (rc == 0) {
    struct buf small;
    buf_init(&small, out.len * size % 97 * out.len / 97); // less than it takes
    assert(http_opening_write(&small, &o, &why) == ERR_TOO_BIG && small.len == 0);
    buf_deinit(&small);
    check_written(&o, buf_span(&out));
  }
  buf_deinit(&out);
  mem_free(copy);
  return 0;
}
