// Origins. Pure.

#include "http/origin.h"

#include "http/url.h"

struct origin {
  struct span scheme;
  struct span host;
  struct span port; // .n is 0 when it is the scheme's own
};

static bool split_origin(struct span text, struct origin *o);
static bool match_host(struct span pattern, struct span host);
static bool is_label(struct span label);
static bool next_label(struct span *rest, struct span *label);

bool http_origin_pattern_is_valid(struct span pattern) {
  struct origin o;
  if (span_eq(pattern, SPAN("*")) || span_eq(pattern, SPAN("null"))) return true;
  if (!split_origin(pattern, &o)) return false;
  if (o.host.p[0] == '[') return true;
  struct span rest = o.host, label;
  while (next_label(&rest, &label))
    if (!span_eq(label, SPAN("*")) && !is_label(label)) return false;
  return true;
}

bool http_origin_matches(struct span origin, const struct span *patterns, size_t count) {
  struct origin sent, allowed;
  bool formed = split_origin(origin, &sent);
  for (size_t i = 0; i < count; i++) {
    if (span_eq(patterns[i], SPAN("*"))) return true;
    if (span_eq(patterns[i], SPAN("null")) && span_eq(origin, SPAN("null"))) return true;
    if (!formed || !split_origin(patterns[i], &allowed)) continue;
    if (span_eq_nocase(sent.scheme, allowed.scheme) && span_eq(sent.port, allowed.port) &&
        match_host(allowed.host, sent.host))
      return true;
  }
  return false;
}

bool http_origin_is_same_host(struct span origin, struct span host) {
  struct origin sent;
  struct span name, port;
  if (!split_origin(origin, &sent) || !http_url_split_authority(host, &name, &port)) return false;
  return span_eq_nocase(sent.host, name);
}

static bool is_scheme(struct span scheme) {
  for (size_t i = 0; i < scheme.n; i++) {
    char c = scheme.p[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool inner = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && (i == 0 || !inner)) return false;
  }
  return scheme.n > 0;
}

// "scheme://host[:port]", host not empty.
static bool split_origin(struct span text, struct origin *o) {
  const char *mark = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
  if (!mark) return false;
  o->scheme = (struct span){text.p, (size_t)(mark - text.p)};
  struct span authority = {mark, text.n - o->scheme.n};
  if (authority.n < 3 || memcmp(authority.p, "://", 3) != 0) return false;
  authority.p += 3, authority.n -= 3;
  if (!is_scheme(o->scheme) || !http_url_split_authority(authority, &o->host, &o->port) ||
      o->host.n == 0 || (o->port.p && o->port.n == 0))
    return false;
  // Browsers leave the scheme's own port out; who writes it means the same.
  bool own = (span_eq_nocase(o->scheme, SPAN("https")) && span_eq(o->port, SPAN("443"))) ||
             (span_eq_nocase(o->scheme, SPAN("http")) && span_eq(o->port, SPAN("80")));
  if (own) o->port = (struct span){NULL, 0};
  return true;
}

// Label by label; "*" stands for any one label.
static bool match_host(struct span pattern, struct span host) {
  struct span wanted, label;
  if (host.p[0] == '[' || pattern.p[0] == '[') return span_eq_nocase(pattern, host);
  while (next_label(&host, &label)) {
    if (!next_label(&pattern, &wanted)) return false;
    bool any = span_eq(wanted, SPAN("*")) && label.n > 0;
    if (!any && !span_eq_nocase(wanted, label)) return false;
  }
  return !pattern.p;
}

static bool is_label(struct span label) {
  for (size_t i = 0; i < label.n; i++) {
    char c = label.p[i];
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && c != '-' && c != '_') return false;
  }
  return label.n > 0;
}

// Steps through what stands between the dots; *rest has .p NULL behind the last.
static bool next_label(struct span *rest, struct span *label) {
  if (!rest->p) return false;
  const char *dot = rest->n > 0 ? memchr(rest->p, '.', rest->n) : NULL;
  *label = (struct span){rest->p, dot ? (size_t)(dot - rest->p) : rest->n};
  *rest = dot ? (struct span){dot + 1, rest->n - label->n - 1} : (struct span){NULL, 0};
  return true;
}
