#ifndef MAILBOX_TOPIC_H
#define MAILBOX_TOPIC_H

// The syntax of topics, as the worker checks it and the reactors rely on it. Pure.
//
// A topic is 1 to 255 bytes: segments, none of them empty, joined by "."; no blanks, no control
// characters, no "*" and no ">". A pattern may have "*" as a segment (it stands for any one) and
// ">" as its last (for one or more).

#include <stdbool.h>
#include "base/span.h"

enum {
  TOPIC_MAX = 255,                         // bytes
  TOPIC_SEGMENTS_MAX = (TOPIC_MAX + 1) / 2 // so many fit
};

// NULL, or what is wrong with it, to follow its name: "has an empty segment".
const char *topic_check(struct span topic, bool may_be_pattern);

// Takes the first segment off a checked topic, with the "." behind it. Empty when there is none.
static inline struct span topic_next(struct span *topic) {
  const char *dot = topic->n > 0 ? memchr(topic->p, '.', topic->n) : NULL;
  struct span segment = {topic->p, dot ? (size_t)(dot - topic->p) : topic->n};
  size_t taken = dot ? segment.n + 1 : segment.n;
  *topic = (struct span){taken > 0 ? topic->p + taken : topic->p, topic->n - taken};
  return segment;
}

static inline bool topic_is_any(struct span segment) {
  return segment.n == 1 && segment.p[0] == '*';
}

static inline bool topic_is_rest(struct span segment) {
  return segment.n == 1 && segment.p[0] == '>';
}

#endif
