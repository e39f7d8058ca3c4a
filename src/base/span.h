#ifndef BASE_SPAN_H
#define BASE_SPAN_H

// A run of bytes that somebody else owns. Not NUL-terminated. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

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

static inline char span_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// Equal but for the case of ASCII letters, as HTTP compares names and tokens. By hand: strncasecmp
// stops at a NUL and asks the locale.
static inline bool span_eq_nocase(struct span a, struct span b) {
  if (a.n != b.n) return false;
  for (size_t i = 0; i < a.n; i++) {
    if (a.p[i] != b.p[i] && span_lower(a.p[i]) != span_lower(b.p[i])) return false;
  }
  return true;
}

// Whether it begins so, without regard to case.
static inline bool span_begins_nocase(struct span s, struct span beginning) {
  return s.n >= beginning.n && span_eq_nocase((struct span){s.p, beginning.n}, beginning);
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
