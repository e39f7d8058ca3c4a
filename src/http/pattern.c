// Path patterns. Pure.

#include "http/pattern.h"

#include "base/mem.h"
#include "http/url.h"

// In the order of their being specific. "/a/:x/b" and "/a/*/b" match the same requests.
enum kind {
  LITERAL,
  ONE,  // ":name", or a "*" that is not last
  REST, // a "*" that is last, and the whole of the pattern that matches every path
};

struct segment {
  enum kind kind;
  struct span text; // LITERAL: decoded, in `literals`; else the name, .n 0 when it has none
};

struct http_pattern {
  char *text;          // NULL: every path
  size_t length;       // of text
  struct buf literals; // never grows once segments point into it
  size_t count;
  struct segment segments[HTTP_PATTERN_SEGMENTS_MAX];
};

static const char *parse(struct http_pattern *p);
static const char *parse_segment(struct http_pattern *p, struct span text, bool last);
static bool is_encoded_well(struct span path);
static bool match_segments(const struct http_pattern *p, struct span path, struct http_param *raw,
                           size_t *count);

struct http_pattern *http_pattern_new(struct span path, const char **why) {
  struct http_pattern *p = mem_zalloc(sizeof *p);
  buf_init(&p->literals, path.n);
  if (!path.p) {
    p->segments[p->count++].kind = REST;
    return p;
  }
  p->text = mem_dup(path.p, path.n);
  p->length = path.n;
  *why = parse(p);
  if (!*why) return p;
  http_pattern_free(p);
  return NULL;
}

void http_pattern_free(struct http_pattern *p) {
  if (!p) return;
  mem_free(p->text);
  buf_deinit(&p->literals);
  mem_free(p);
}

struct span http_pattern_text(const struct http_pattern *p) {
  return (struct span){p->text, p->length};
}

int http_pattern_match(const struct http_pattern *p, struct span path, struct buf *values,
                       struct http_param *params, size_t *count) {
  struct http_param raw[HTTP_PATTERN_SEGMENTS_MAX];
  size_t n, total = 0;
  if (!is_encoded_well(path)) return ERR_INVALID;
  if (!match_segments(p, path, raw, &n)) return 0;
  if (!values) return 1;
  for (size_t i = 0; i < n; i++)
    total += raw[i].value.n;
  // Room for all at once: `values` must not move when some point into it.
  if (!buf_reserve(values, total)) return ERR_TOO_BIG;
  for (size_t i = 0; i < n; i++) {
    size_t from = values->len;
    http_url_decode(values, raw[i].value, false);
    params[i].name = raw[i].name;
    params[i].value = (struct span){values->data + from, values->len - from};
  }
  *count = n;
  return 1;
}

int http_pattern_compare(const struct http_pattern *a, const struct http_pattern *b) {
  for (size_t i = 0; i < a->count && i < b->count; i++) {
    const struct segment *x = &a->segments[i], *y = &b->segments[i];
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->kind != LITERAL || span_eq(x->text, y->text)) continue;
    // Both can't match one path: any order will do.
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = n > 0 ? memcmp(x->text.p, y->text.p, n) : 0;
    if (order != 0) return order;
    return x->text.n < y->text.n ? -1 : 1;
  }
  return a->count == b->count ? 0 : a->count < b->count ? -1 : 1;
}

// Returns what is wrong, or NULL.
static const char *parse(struct http_pattern *p) {
  struct span rest = {p->text, p->length}, segment;
  if (rest.n == 0 || rest.p[0] != '/') return "must start with '/'";
  for (size_t i = 0; i < rest.n; i++) {
    unsigned char c = (unsigned char)rest.p[i];
    if (c < ' ' || c == 0x7f) return "has a control character";
    if (c == '?') return "must not have a '?': a path ends before the query";
    if (c == '#') return "must not have a '#': a path ends before the fragment";
  }
  buf_reserve(&p->literals, p->length);
  while (http_url_next_segment(&rest, &segment)) {
    if (p->count == HTTP_PATTERN_SEGMENTS_MAX) return "has more than 32 segments";
    const char *why = parse_segment(p, segment, rest.n == 0);
    if (why) return why;
    p->count++;
  }
  return NULL;
}
_Static_assert(HTTP_PATTERN_SEGMENTS_MAX == 32, "the text above says so");

static bool is_identifier(struct span name) {
  for (size_t i = 0; i < name.n; i++) {
    char c = name.p[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return true;
}

static const char *parse_name(struct http_pattern *p, struct span name) {
  if (name.n == 0) return "has a ':' without a name";
  if (!is_identifier(name)) return "has a name that is not letters, digits and '_'";
  for (size_t i = 0; i < p->count; i++)
    if (p->segments[i].kind == ONE && span_eq(p->segments[i].text, name))
      return "has the same name twice";
  p->segments[p->count] = (struct segment){ONE, name};
  return NULL;
}

static const char *parse_literal(struct http_pattern *p, struct span text) {
  size_t from = p->literals.len;
  if (http_url_decode(&p->literals, text, false) != 0) return "has a '%' without two hex digits";
  struct span literal = {p->literals.data + from, p->literals.len - from};
  for (size_t i = 0; i < literal.n; i++) {
    unsigned char c = (unsigned char)literal.p[i];
    if (c < ' ' || c == 0x7f) return "has a control character";
  }
  p->segments[p->count] = (struct segment){LITERAL, literal};
  return NULL;
}

static const char *parse_segment(struct http_pattern *p, struct span text, bool last) {
  if (text.n > 0 && text.p[0] == ':') return parse_name(p, (struct span){text.p + 1, text.n - 1});
  if (span_eq(text, SPAN("*"))) {
    p->segments[p->count] = last ? (struct segment){REST, text} : (struct segment){.kind = ONE};
    return NULL;
  }
  if (text.n > 0 && memchr(text.p, '*', text.n)) return "has a '*' that is not a whole segment";
  return parse_literal(p, text);
}

static bool is_encoded_well(struct span path) {
  while (path.n > 0)
    if (http_url_next_char(&path) < 0) return false;
  return true;
}

static bool match_literal(struct span encoded, struct span literal) {
  size_t i = 0;
  for (; encoded.n > 0 && i < literal.n; i++)
    if (http_url_next_char(&encoded) != (unsigned char)literal.p[i]) return false;
  return encoded.n == 0 && i == literal.n;
}

// The next segment of a path, or all the rest for REST. False: there is none.
static bool next_piece(struct span *path, enum kind kind, struct span *piece) {
  if (kind != REST) return http_url_next_segment(path, piece);
  if (path->n == 0) return false;
  *piece = (struct span){path->p + 1, path->n - 1};
  path->n = 0;
  return true;
}

// Gathers what stood for names, still encoded.
static bool match_segments(const struct http_pattern *p, struct span path, struct http_param *raw,
                           size_t *count) {
  *count = 0;
  if (path.n == 0 || path.p[0] != '/') return false;
  for (size_t i = 0; i < p->count; i++) {
    const struct segment *s = &p->segments[i];
    struct span here;
    if (!next_piece(&path, s->kind, &here)) return false;
    if (s->kind == ONE && here.n == 0) return false;
    if (s->kind == LITERAL && !match_literal(here, s->text)) return false;
    if (s->kind != LITERAL && s->text.n > 0) raw[(*count)++] = (struct http_param){s->text, here};
  }
  return path.n == 0;
}
