// NO_PROXY. Pure.

#include "http/noproxy.h"

#include "http/ip.h"
#include "http/token.h"
#include "http/url.h"

// Whom it is to be compared with.
struct target {
  struct span name; // without a full stop at its end
  uint16_t port;
  bool is_ip;
  struct http_ip ip;
};

static bool next_entry(struct span *rest, struct span *entry);
static bool matches(struct span entry, const struct target *target);
static struct span without_brackets(struct span host);
static struct span without_stop(struct span name);

bool http_noproxy_has(struct span list, struct span host, uint16_t port) {
  struct span entry, bare = without_brackets(host);
  struct target target = {.name = without_stop(bare), .port = port};
  target.is_ip = http_ip_read(bare, &target.ip);
  while (next_entry(&list, &entry))
    if (matches(entry, &target)) return true;
  return false;
}

static bool is_separator(char c) {
  return c == ',' || c == ' ' || c == '\t';
}

static bool next_entry(struct span *rest, struct span *entry) {
  size_t from = 0;
  while (from < rest->n && is_separator(rest->p[from]))
    from++;
  size_t to = from;
  while (to < rest->n && !is_separator(rest->p[to]))
    to++;
  if (to == from) return false;
  *entry = (struct span){rest->p + from, to - from};
  *rest = (struct span){rest->p + to, rest->n - to};
  return true;
}

static struct span without_brackets(struct span host) {
  if (host.n < 2 || host.p[0] != '[') return host;
  return (struct span){host.p + 1, host.n - 2};
}

static struct span without_stop(struct span name) {
  if (name.n > 0 && name.p[name.n - 1] == '.') name.n--;
  return name;
}

// Bits behind a range's prefix are no reason to send its hosts through the proxy.
static bool is_in_range(struct span entry, const struct http_ip *ip) {
  struct http_ip_range range;
  enum http_ip_fault fault = http_ip_range_read(entry, &range);
  return (fault == HTTP_IP_FINE || fault == HTTP_IP_BITS_BEHIND) && http_ip_range_has(&range, ip);
}

// The name itself, or one that ends in it behind a full stop.
static bool is_below(struct span name, struct span domain) {
  if (domain.n >= 2 && domain.p[0] == '*' && domain.p[1] == '.') domain.p++, domain.n--;
  if (domain.n > 0 && domain.p[0] == '.') domain.p++, domain.n--;
  domain = without_stop(domain);
  if (domain.n == 0 || name.n < domain.n) return false;
  size_t before = name.n - domain.n;
  if (before > 0 && name.p[before - 1] != '.') return false;
  return span_eq_nocase((struct span){name.p + before, domain.n}, domain);
}

static bool matches(struct span entry, const struct target *target) {
  struct span host, port;
  struct http_ip ip;
  unsigned number;
  if (span_eq(entry, SPAN("*"))) return true;
  if (target->is_ip && is_in_range(entry, &target->ip)) return true;
  if (!http_url_split_authority(entry, &host, &port)) return false;
  bool is_port = http_token_read_number(port, UINT16_MAX, &number) && number == target->port;
  if (port.n > 0 && !is_port) return false;
  host = without_brackets(host);
  if (target->is_ip) return is_in_range(host, &target->ip);
  return !http_ip_read(host, &ip) && is_below(target->name, host);
}
