// Fuzzes the heads of responses: the first bytes are the status, its settings and the time; then
// come a body's length and header lines as "name:value". What is written a client's side must read
// as it was meant, and nothing behind it.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/reply.h"
#include "http/response.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEEP_ALIVE = 1, HEAD_ONLY = 2 };

// Appends the lines that a script might send. Returns how many.
static size_t write_headers(struct buf *out, struct span text) {
  size_t count = 0;
  while (text.n > 0) {
    struct span value = input_part(&text, '\n'), name = input_part(&value, ':');
    bool may = http_header_name_is_valid(name) && http_header_value_is_valid(value);
    if (!may || http_header_is_reserved(name)) continue;
    http_response_header(out, name, value);
    count++;
  }
  return count;
}

static struct http_reply *read_back(struct span wire, size_t *used) {
  struct http_reply *reply = http_reply_new();
  enum http_progress progress = http_reply_feed(reply, wire.p, wire.n, used);
  if (progress == HTTP_MORE) progress = http_reply_end(reply);
  if (progress == HTTP_COMPLETE) return reply;
  http_reply_free(reply);
  return NULL;
}

static struct span header_of(const struct http_reply *r, const char *name) {
  return http_header_only(http_reply_headers(r), http_reply_header_count(r), name);
}

static void check_head(int status, uint8_t settings, uint64_t time, uint64_t length,
                       struct span lines) {
  struct buf out;
  size_t used;
  buf_init(&out, SIZE_MAX);
  http_response_line(&out, status);
  size_t count = write_headers(&out, lines);
  bool has_length = status != 204 && status != 304 && status >= 200;
  bool keeps = (settings & KEEP_ALIVE) != 0;
  http_response_end(&out, time, has_length ? length : UINT64_MAX, keeps);
  struct http_reply *reply = read_back(buf_span(&out), &used);
  if (reply) {
    assert(used == out.len);
    assert(http_reply_status(reply) == status && !http_reply_is_http10(reply));
    assert(span_eq(http_reply_reason(reply), span_of(http_status_text(status))));
    assert(http_reply_header_count(reply) == count + 2 + has_length);
    assert(header_of(reply, "date").n == HTTP_DATE_SIZE - 1);
    assert(span_eq(header_of(reply, "connection"), span_of(keeps ? "keep-alive" : "close")));
  } else {
    // An interim answer is none yet.
    assert((status < 200 && status != 101) || count > HTTP_HEADERS_MAX - 3 ||
           out.len > HTTP_HEAD_MAX);
  }
  http_reply_free(reply);
  buf_deinit(&out);
}

static void check_text(int status, uint8_t settings, uint64_t time) {
  static const char TEXT[] = "why it was refused";
  bool head_only = (settings & HEAD_ONLY) != 0, keeps = (settings & KEEP_ALIVE) != 0;
  struct buf out, small;
  size_t used;
  buf_init(&out, SIZE_MAX);
  int rc = http_response_text(&out, status, TEXT, SPAN("Allow: GET\r\n"), time, keeps, head_only);
  assert(rc == 0);
  struct http_reply *reply = read_back(buf_span(&out), &used);
  if (reply && http_status_has_body(status)) {
    assert(used == out.len);
    assert(span_eq(header_of(reply, "allow"), SPAN("GET")));
    assert(span_eq(http_reply_body(reply),
                   head_only ? (struct span){NULL, 0} : SPAN("why it was refused\n")));
  }
  http_reply_free(reply);
  buf_init(&small, (size_t)time % out.len);
  rc = http_response_text(&small, status, TEXT, SPAN("Allow: GET\r\n"), time, keeps, head_only);
  assert(rc == ERR_TOO_BIG && small.len == 0);
  buf_deinit(&small);
  buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  int status = 100 + (input_byte(&in) << 8 | input_byte(&in)) % 500;
  uint8_t settings = input_byte(&in);
  uint64_t time = input_word(&in), length = input_word(&in);
  char *copy = (char *)input_copy(in.p, in.n);
  check_head(status, settings, time << (settings >> 3), length, (struct span){copy, in.n});
  check_text(status, settings, time);
  mem_free(copy);
  return 0;
}
