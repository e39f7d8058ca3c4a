// Fuzzes what takes targets apart: the input is a target, an authority, a list and a text all at
// once. What is taken apart can be put together again, what is encoded can be decoded, and nothing
// is read past the end.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/rules.h"
#include "http/token.h"
#include "http/url.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct span part, struct span whole) {
  return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

// Any bytes at all, each as a percent sign and two digits.
static void check_encoding(struct span text) {
  static const char digits[2][17] = {"0123456789ABCDEF", "0123456789abcdef"};
  struct buf encoded, decoded;
  buf_init(&encoded, SIZE_MAX);
  buf_init(&decoded, text.n);
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    const char triple[3] = {'%', digits[i & 1][c >> 4], digits[i & 1][c & 15]};
    buf_append(&encoded, triple, sizeof triple);
  }
  int rc = http_url_decode(&decoded, buf_span(&encoded), true);
  // Room is made for what hasn't been decoded yet.
  assert(text.n == 0 ? rc == 0 : rc == ERR_TOO_BIG);
  decoded.max = encoded.len;
  rc = http_url_decode(&decoded, buf_span(&encoded), true);
  assert(rc == 0 && span_eq(buf_span(&decoded), text));
  buf_deinit(&encoded);
  buf_deinit(&decoded);
}

static void check_decoding(struct span text) {
  struct buf path, query;
  struct span rest = text;
  buf_init(&path, text.n);
  buf_init(&query, text.n);
  int rc = http_url_decode(&path, text, false);
  assert(http_url_decode(&query, text, true) == rc);
  for (size_t i = 0; rc == 0; i++) {
    if (rest.n == 0) {
      assert(i == path.len && i == query.len);
      break;
    }
    char first = rest.p[0];
    int c = http_url_next_char(&rest);
    assert(c == (unsigned char)path.data[i]);
    assert(query.data[i] == (first == '+' ? ' ' : path.data[i]));
  }
  assert(rc == 0 || (rc == ERR_INVALID && path.len == 0 && query.len == 0));
  buf_deinit(&path);
  buf_deinit(&query);
}

static void check_splitting(struct span target) {
  struct span path, query, rest, segment, name, value;
  http_url_split(target, &path, &query);
  assert(lies_in(path, target) && lies_in(query, target));
  assert(path.n + (query.p ? query.n + 1 : 0) == target.n);
  assert(path.n == 0 || !memchr(path.p, '?', path.n));

  size_t bytes = 0;
  rest = path;
  while (path.n > 0 && path.p[0] == '/' && http_url_next_segment(&rest, &segment)) {
    assert(lies_in(segment, path) && (segment.n == 0 || !memchr(segment.p, '/', segment.n)));
    bytes += segment.n + 1;
  }
  if (path.n > 0 && path.p[0] == '/') assert(bytes == path.n);

  rest = query;
  while (http_url_next_pair(&rest, &name, &value)) {
    assert(lies_in(name, query) && lies_in(value, query));
    assert(name.n == 0 || (!memchr(name.p, '=', name.n) && !memchr(name.p, '&', name.n)));
    assert(value.n == 0 || !memchr(value.p, '&', value.n));
  }
}

static void check_authority(struct span text) {
  struct span host, port, again, none;
  if (!http_url_split_authority(text, &host, &port)) return;
  assert(lies_in(host, text) && lies_in(port, text));
  assert(host.n + (port.p ? port.n + 1 : 0) == text.n && port.n <= 5);
  assert(http_url_split_authority(host, &again, &none) && span_eq(again, host) && !none.p);
  for (size_t i = 0; i < text.n; i++)
    assert(text.p[i] > ' ' && text.p[i] < 0x7f && !strchr("/?#@\\\"<>", text.p[i]));
}

static void check_list(struct span text) {
  struct span rest = text, element;
  size_t count = 0, bytes = 0;
  while (text.p && http_token_next(&rest, &element)) {
    assert(lies_in(element, text) && span_eq(element, span_trim(element)));
    bytes += element.n;
    count++;
  }
  assert(!text.p || (count >= 1 && bytes + count - 1 <= text.n));
}

static void check_rules(struct span text) {
  struct http_request_line line;
  struct span authority, origin;
  if (http_rules_split_line(text, &line).status == 0) {
    assert(line.method.n + line.target.n + 10 == text.n);
    assert(http_token_is_valid(line.method) && line.target.n > 0);
  }
  if (http_rules_split_absolute(text, &authority, &origin).status == 0) {
    assert(lies_in(authority, text) && lies_in(origin, text) && authority.n > 0);
    assert(origin.n == 0 || origin.p[0] == '/' || origin.p[0] == '?');
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *copy = (char *)input_copy(data, size);
  struct span text = {copy, size};
  check_encoding(text);
  check_decoding(text);
  check_splitting(text);
  check_authority(text);
  check_list(text);
  check_rules(text);
  mem_free(copy);
  return 0;
}
