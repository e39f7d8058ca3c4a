// Fuzzes the syntax of topics and patterns: topic_check must agree with a plain reading of
// topic.h, and the segments of what is good must join to it again.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "mailbox/topic.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Whether the segment from `p` to `end` may stand there.
static bool is_segment(const char *p, const char *end, bool is_last, bool may_be_pattern) {
  bool is_wildcard = end - p == 1 && (*p == '*' || *p == '>');
  if (is_wildcard) return may_be_pattern && (*p == '*' || is_last);
  for (const char *c = p; c < end; c++)
    if ((uint8_t)*c <= 0x20 || *c == 0x7f || *c == '*' || *c == '>') return false;
  return end > p;
}

static bool is_good(const char *p, size_t n, bool may_be_pattern) {
  if (n == 0 || n > TOPIC_MAX) return false;
  const char *limit = p + n;
  for (const char *end = p;; end++) {
    if (end < limit && *end != '.') continue;
    if (!is_segment(p, end, end == limit, may_be_pattern)) return false;
    if (end == limit) return true;
    p = end + 1;
  }
}

static void check_segments(struct span topic) {
  char joined[TOPIC_MAX + 1];
  size_t n = 0, count = 0;
  struct span rest = topic;
  while (rest.n > 0) {
    struct span segment = topic_next(&rest);
    assert(segment.n > 0 && n + segment.n < sizeof joined);
    if (count++ > 0) joined[n++] = '.';
    memcpy(joined + n, segment.p, segment.n);
    n += segment.n;
  }
  assert(count > 0 && count <= TOPIC_SEGMENTS_MAX);
  assert(span_eq((struct span){joined, n}, topic));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = input_copy(data, size);
  struct span topic = {(const char *)copy, size};
  for (int may_be_pattern = 0; may_be_pattern <= 1; may_be_pattern++) {
    const char *why = topic_check(topic, may_be_pattern);
    assert((why == NULL) == is_good(topic.p, topic.n, may_be_pattern));
    if (why == NULL) check_segments(topic);
  }
  mem_free(copy);
  return 0;
}
