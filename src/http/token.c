// Tokens, lists, numbers. Pure.

#include "http/token.h"

static bool is_token_char(unsigned char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_token_is_valid(struct span s) {
  return s.n > 0 && http_token_length(s) == s.n;
}

size_t http_token_length(struct span s) {
  size_t n = 0;
  while (n < s.n && is_token_char((unsigned char)s.p[n]))
    n++;
  return n;
}

bool http_token_next(struct span *rest, struct span *element) {
  if (!rest->p) return false;
  const char *comma = rest->n > 0 ? memchr(rest->p, ',', rest->n) : NULL;
  if (!comma) {
    *element = span_trim(*rest);
    *rest = (struct span){NULL, 0};
    return true;
  }
  size_t n = (size_t)(comma - rest->p);
  *element = span_trim((struct span){rest->p, n});
  *rest = (struct span){comma + 1, rest->n - n - 1};
  return true;
}

bool http_token_read_number(struct span s, unsigned most, unsigned *number) {
  *number = 0;
  if (s.n == 0 || s.n > 5 || (s.n > 1 && s.p[0] == '0')) return false;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9') return false;
    *number = *number * 10 + (unsigned)(s.p[i] - '0');
  }
  return *number <= most;
}
