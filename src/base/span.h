#ifndef BASE_SPAN_H
#define BASE_SPAN_H

// A run of bytes that somebody else owns. Not NUL-terminated. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
  const char *p;
  size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *s) {
  return (struct span){s, strlen(s)};
}

static inline bool span_eq(struct span a, struct span b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

// Equal but for the case of ASCII letters, as HTTP compares names and tokens.
static inline bool span_eq_nocase(struct span a, struct span b) {
  return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

// Without blanks and tabs at both ends.
static inline struct span span_trim(struct span s) {
  while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
    s.p++, s.n--;
  while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
    s.n--;
  return s;
}

#endif
