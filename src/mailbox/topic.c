// The check of topics. Pure.

#include "mailbox/topic.h"

static bool has(struct span s, char c) {
  return memchr(s.p, c, s.n) != NULL;
}

static const char *check_pattern_segment(struct span segment, bool is_last) {
  if (topic_is_rest(segment))
    return is_last ? NULL : "has a '>' that is not its last segment: it stands for all that follow";
  if (topic_is_any(segment)) return NULL;
  if (has(segment, '*') || has(segment, '>'))
    return "has a '*' or '>' beside other characters: each is a segment by itself";
  return NULL;
}

const char *topic_check(struct span topic, bool may_be_pattern) {
  if (topic.n == 0) return "is empty";
  if (topic.n > TOPIC_MAX) return "is longer than 255 bytes";
  for (size_t i = 0; i < topic.n; i++) {
    unsigned char c = (unsigned char)topic.p[i];
    if (c <= ' ' || c == 0x7f) return "has a blank or a control character";
  }
  if (!may_be_pattern && (has(topic, '*') || has(topic, '>')))
    return "is a pattern ('*', '>'): only subscribe and unsubscribe take those";
  if (topic.p[topic.n - 1] == '.') return "has an empty segment";
  while (topic.n > 0) {
    struct span segment = topic_next(&topic);
    if (segment.n == 0) return "has an empty segment";
    const char *why = check_pattern_segment(segment, topic.n == 0);
    if (why) return why;
  }
  return NULL;
}
