// Extensions and their parameters. Pure.

#include "http/extension.h"

#include <assert.h>
#include "http/token.h"

static bool take_extension(struct span *rest, struct http_extension *extension);
static bool take_param(struct span *rest, struct http_extension_param *param);
static bool take_token(struct span *rest, struct span *token);
static bool take_quoted(struct span *rest, struct span *value);
static bool take_char(struct span *rest, char c);
static bool skip_to_extension(struct span *rest);

static bool is_ours(const struct http_header *header) {
  return span_eq_nocase(header->name, SPAN("sec-websocket-extensions"));
}

enum http_extensions http_extension_check(const struct http_header *headers, size_t count) {
  size_t found = 0;
  bool is_there = false;
  for (size_t i = 0; i < count; i++) {
    struct span rest = headers[i].value;
    struct http_extension extension;
    if (!is_ours(&headers[i])) continue;
    is_there = true;
    while (skip_to_extension(&rest)) {
      if (!take_extension(&rest, &extension)) return HTTP_EXTENSIONS_MALFORMED;
      if (++found > HTTP_EXTENSIONS_MAX) return HTTP_EXTENSIONS_TOO_MANY;
    }
  }
  return is_there && found == 0 ? HTTP_EXTENSIONS_MALFORMED : HTTP_EXTENSIONS_FINE;
}

bool http_extension_next(const struct http_header *headers, size_t count,
                         struct http_extension_iter *at, struct http_extension *extension) {
  while (!skip_to_extension(&at->rest)) {
    while (at->header < count && !is_ours(&headers[at->header]))
      at->header++;
    if (at->header == count) return false;
    at->rest = headers[at->header++].value;
  }
  bool is_well_formed = take_extension(&at->rest, extension);
  assert(is_well_formed);
  (void)is_well_formed;
  return true;
}

bool http_extension_next_param(struct span *params, struct http_extension_param *param) {
  if (params->n == 0) return false;
  bool is_well_formed = take_param(params, param);
  assert(is_well_formed);
  (void)is_well_formed;
  return true;
}

static void skip_blanks(struct span *rest) {
  while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
    rest->p++, rest->n--;
}

// Over empty elements and the comma behind the one before. False: there is none.
static bool skip_to_extension(struct span *rest) {
  skip_blanks(rest);
  while (take_char(rest, ','))
    skip_blanks(rest);
  return rest->n > 0;
}

// One element, up to its comma or the end.
static bool take_extension(struct span *rest, struct http_extension *extension) {
  struct http_extension_param param;
  if (!take_token(rest, &extension->name)) return false;
  extension->params = *rest;
  while (rest->n > 0 && rest->p[0] == ';') {
    if (!take_param(rest, &param)) return false;
  }
  extension->params.n -= rest->n;
  return rest->n == 0 || rest->p[0] == ',';
}

// ";name", ";name=token" or ";name=\"quoted\"", with the blanks behind it.
static bool take_param(struct span *rest, struct http_extension_param *param) {
  param->value = (struct span){NULL, 0};
  if (!take_char(rest, ';') || !take_token(rest, &param->name)) return false;
  if (!take_char(rest, '=')) return true;
  skip_blanks(rest);
  return take_char(rest, '"') ? take_quoted(rest, &param->value) : take_token(rest, &param->value);
}

// With the blanks around it.
static bool take_token(struct span *rest, struct span *token) {
  skip_blanks(rest);
  *token = (struct span){rest->p, http_token_length(*rest)};
  rest->p += token->n, rest->n -= token->n;
  skip_blanks(rest);
  return token->n > 0;
}

// The rest of a quoted string, with the blanks behind it.
static bool take_quoted(struct span *rest, struct span *value) {
  *value = (struct span){rest->p, 0};
  while (!take_char(rest, '"')) {
    if (rest->n > 0 && rest->p[0] == '\\') rest->p++, rest->n--;
    if (rest->n == 0 || !http_token_is_valid((struct span){rest->p, 1})) return false;
    rest->p++, rest->n--;
    value->n = (size_t)(rest->p - value->p);
  }
  skip_blanks(rest);
  return value->n > 0;
}

static bool take_char(struct span *rest, char c) {
  if (rest->n == 0 || rest->p[0] != c) return false;
  rest->p++, rest->n--;
  return true;
}
