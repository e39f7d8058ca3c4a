// Fuzzes origins: the lines are an Origin, a Host, and allowed values. An origin that can be read
// allows itself and is of its own host, and a pattern allows nothing but what it says.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/origin.h"
#include "http/url.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERNS_MAX = 16 };

static bool has_star(struct span s) {
  return s.n > 0 && memchr(s.p, '*', s.n);
}

static size_t count_dots(struct span s) {
  size_t count = 0;
  for (size_t i = 0; i < s.n; i++)
    count += s.p[i] == '.';
  return count;
}

// "scheme://host:port" without the scheme.
static struct span authority_of(struct span origin) {
  const char *mark = origin.n > 0 ? memchr(origin.p, ':', origin.n) : NULL;
  assert(mark);
  size_t from = (size_t)(mark - origin.p) + 3;
  return (struct span){origin.p + from, origin.n - from};
}

static void check_match(struct span origin, struct span pattern) {
  assert(http_origin_pattern_is_valid(pattern));
  if (span_eq(pattern, SPAN("*"))) return;
  if (span_eq(pattern, SPAN("null"))) {
    assert(span_eq(origin, pattern));
    return;
  }
  struct span host, port;
  assert(http_url_split_authority(authority_of(origin), &host, &port));
  // A star stands for one label: neither for none, nor for several.
  struct span allowed, allowed_port;
  assert(http_url_split_authority(authority_of(pattern), &allowed, &allowed_port));
  assert(count_dots(host) == count_dots(allowed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *copy = (char *)input_copy(data, size);
  struct span rest = {copy, size};
  struct span origin = input_part(&rest, '\n'), host = input_part(&rest, '\n'), name, port;
  struct span patterns[PATTERNS_MAX];
  size_t count = 0;
  bool any = false;
  while (rest.n > 0 && count < PATTERNS_MAX) {
    struct span pattern = input_part(&rest, '\n');
    if (http_origin_pattern_is_valid(pattern)) patterns[count++] = pattern;
  }
  for (size_t i = 0; i < count; i++) {
    bool matches = http_origin_matches(origin, &patterns[i], 1);
    if (matches) check_match(origin, patterns[i]);
    any = any || matches;
  }
  assert(http_origin_matches(origin, patterns, count) == any);
  assert(!http_origin_matches(origin, patterns, 0));

  if (http_origin_pattern_is_valid(origin) && !has_star(origin)) {
    assert(http_origin_matches(origin, &origin, 1));
    if (!span_eq(origin, SPAN("null")))
      assert(http_origin_is_same_host(origin, authority_of(origin)));
  }
  if (http_origin_is_same_host(origin, host)) {
    assert(http_url_split_authority(host, &name, &port) && name.n > 0);
    assert(http_origin_is_same_host(origin, name));
  }
  mem_free(copy);
  return 0;
}
