// Header fields. Pure.

#include "http/header.h"

#include "http/token.h"

struct span http_header_find(const struct http_header *headers, size_t count, const char *name) {
  struct span wanted = span_of(name);
  for (size_t i = 0; i < count; i++)
    if (span_eq_nocase(headers[i].name, wanted)) return headers[i].value;
  return (struct span){NULL, 0};
}

size_t http_header_count(const struct http_header *headers, size_t count, const char *name,
                         struct span *last) {
  struct span wanted = span_of(name);
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    if (!span_eq_nocase(headers[i].name, wanted)) continue;
    *last = headers[i].value;
    found++;
  }
  return found;
}

struct span http_header_only(const struct http_header *headers, size_t count, const char *name) {
  struct span value;
  return http_header_count(headers, count, name, &value) == 1 ? value : (struct span){NULL, 0};
}

bool http_header_has_token(const struct http_header *headers, size_t count, const char *name,
                           const char *token) {
  struct span wanted = span_of(name), wanted_token = span_of(token);
  for (size_t i = 0; i < count; i++) {
    struct span rest = headers[i].value, element;
    if (!span_eq_nocase(headers[i].name, wanted)) continue;
    while (http_token_next(&rest, &element))
      if (span_eq_nocase(element, wanted_token)) return true;
  }
  return false;
}

bool http_header_name_is_valid(struct span name) {
  return http_token_is_valid(name);
}

bool http_header_value_is_valid(struct span value) {
  for (size_t i = 0; i < value.n; i++) {
    unsigned char c = (unsigned char)value.p[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) return false;
  }
  return true;
}
