// Request targets taken apart. Pure.

#include "http/url.h"

#include "http/ip.h"

static int hex_value(char c);
static bool is_host(struct span host);
static bool is_port(struct span port);

void http_url_split(struct span target, struct span *path, struct span *query) {
  const char *mark = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;
  *path = target;
  *query = (struct span){NULL, 0};
  if (!mark) return;
  path->n = (size_t)(mark - target.p);
  *query = (struct span){mark + 1, target.n - path->n - 1};
}

int http_url_decode(struct buf *out, struct span in, bool plus) {
  // Decoding never makes it longer.
  char *to = buf_reserve(out, in.n);
  if (!to) return ERR_TOO_BIG;
  size_t n = 0;
  while (in.n > 0) {
    bool blank = plus && in.p[0] == '+';
    int c = http_url_next_char(&in);
    if (c < 0) return ERR_INVALID;
    to[n++] = (char)(blank ? ' ' : c);
  }
  out->len += n;
  return 0;
}

int http_url_next_char(struct span *in) {
  unsigned char c = (unsigned char)in->p[0];
  if (c != '%') {
    in->p++, in->n--;
    return c;
  }
  if (in->n < 3) return -1;
  int high = hex_value(in->p[1]), low = hex_value(in->p[2]);
  if (high < 0 || low < 0) return -1;
  in->p += 3, in->n -= 3;
  return high * 16 + low;
}

bool http_url_next_segment(struct span *rest, struct span *segment) {
  if (rest->n == 0) return false;
  const char *from = rest->p + 1;
  size_t n = rest->n - 1;
  const char *slash = n > 0 ? memchr(from, '/', n) : NULL;
  segment->p = from;
  segment->n = slash ? (size_t)(slash - from) : n;
  *rest = (struct span){from + segment->n, n - segment->n};
  return true;
}

bool http_url_next_pair(struct span *rest, struct span *name, struct span *value) {
  while (rest->n > 0 && rest->p[0] == '&')
    rest->p++, rest->n--;
  if (rest->n == 0) return false;
  const char *end = memchr(rest->p, '&', rest->n);
  struct span pair = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
  const char *equals = memchr(pair.p, '=', pair.n);
  name->p = pair.p;
  name->n = equals ? (size_t)(equals - pair.p) : pair.n;
  *value = (struct span){pair.p + pair.n, 0};
  if (equals) *value = (struct span){equals + 1, pair.n - name->n - 1};
  *rest = (struct span){pair.p + pair.n, rest->n - pair.n};
  return true;
}

bool http_url_split_authority(struct span authority, struct span *host, struct span *port) {
  const char *bracket = NULL;
  if (authority.n > 0 && authority.p[0] == '[') {
    bracket = memchr(authority.p, ']', authority.n);
    if (!bracket) return false;
  }
  size_t from = bracket ? (size_t)(bracket - authority.p) : 0;
  const char *colon = authority.n > 0 ? memchr(authority.p + from, ':', authority.n - from) : NULL;
  *host = authority;
  *port = (struct span){NULL, 0};
  if (colon) {
    host->n = (size_t)(colon - authority.p);
    *port = (struct span){colon + 1, authority.n - host->n - 1};
  }
  return is_host(*host) && is_port(*port);
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 section 3.2.2: an IPv6 address in brackets, or a reg-name, which covers IPv4 addresses
// too.
static bool is_host(struct span host) {
  if (host.n > 0 && host.p[0] == '[') {
    struct span inner = {host.p + 1, host.n - 2};
    struct http_ip ip;
    return host.p[host.n - 1] == ']' && memchr(inner.p, ':', inner.n) && http_ip_read(inner, &ip);
  }
  while (host.n > 0) {
    char c = host.p[0];
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && (c == '\0' || !strchr("-._~!$&'()*+,;=%", c))) return false;
    if (http_url_next_char(&host) <= 0) return false;
  }
  return true;
}

static bool is_port(struct span port) {
  unsigned number = 0;
  if (port.n > 5) return false;
  for (size_t i = 0; i < port.n; i++) {
    if (port.p[i] < '0' || port.p[i] > '9') return false;
    number = number * 10 + (unsigned)(port.p[i] - '0');
  }
  return number <= 65535;
}
