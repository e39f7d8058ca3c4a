// Fuzzes path patterns: two patterns and a path, one a line. What matches, what the parameters hold
// and how the two are ordered must fit together.

#include <assert.h>
#include <stdint.h>

#include "base/mem.h"
#include "http/pattern.h"
#include "http/url.h"
#include "support/input.h"

static struct http_pattern *make_pattern(struct span text) {
  const char *why = NULL;
  struct http_pattern *p = http_pattern_new(text, &why);
  assert((p == NULL) == (why != NULL));
  if (p) assert(span_eq(http_pattern_text(p), text));
  return p;
}

// Matches in every way there is.
static int match(const struct http_pattern *p, struct span path) {
  struct http_param params[HTTP_PATTERN_SEGMENTS_MAX];
  struct buf values;
  size_t count = 0;
  buf_init(&values, path.n);
  int rc = http_pattern_match(p, path, &values, params, &count);
  assert(rc == 1 || rc == 0 || rc == ERR_INVALID);
  assert(http_pattern_match(p, path, NULL, NULL, NULL) == rc);
  assert(count <= HTTP_PATTERN_SEGMENTS_MAX);
  for (size_t i = 0; i < count; i++) {
    assert(params[i].name.n > 0);
    assert(params[i].value.p >= values.data);
    assert(params[i].value.p + params[i].value.n <= values.data + values.len);
    assert(params[i].value.n > 0 || span_eq(params[i].name, SPAN("*")));
    for (size_t j = 0; j < i; j++)
      assert(!span_eq(params[i].name, params[j].name));
  }
  buf_deinit(&values);
  return rc;
}

static void check_encoding(struct span path, int rc) {
  struct buf decoded;
  buf_init(&decoded, path.n);
  assert((http_url_decode(&decoded, path, false) == ERR_INVALID) == (rc == ERR_INVALID));
  buf_deinit(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct span rest = {(const char *)data, size};
  struct span texts[2] = {input_part(&rest, '\n'), input_part(&rest, '\n')};
  // Of its own size, so that the sanitizer sees a read past the path.
  char *copy = mem_alloc(rest.n);
  if (rest.n > 0) memcpy(copy, rest.p, rest.n);
  struct span path = {copy, rest.n};

  struct http_pattern *a = make_pattern(texts[0]);
  struct http_pattern *b = make_pattern(texts[1]);
  struct http_pattern *every = make_pattern((struct span){NULL, 0});
  int in_every = match(every, path);
  check_encoding(path, in_every);
  int in_a = a ? match(a, path) : 0;
  if (in_a == 1) assert(in_every == 1);
  if (a) assert(http_pattern_compare(a, a) == 0 && http_pattern_compare(a, every) <= 0);
  if (a && b) {
    int order = http_pattern_compare(a, b), back = http_pattern_compare(b, a);
    assert((order < 0) == (back > 0) && (order == 0) == (back == 0));
    if (order == 0) assert(in_a == match(b, path));
  }
  http_pattern_free(a);
  http_pattern_free(b);
  http_pattern_free(every);
  mem_free(copy);
  return 0;
}
