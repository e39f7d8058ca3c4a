// Trusted proxies. Pure.

#include "http/proxies.h"

#include "base/mem.h"
#include "http/token.h"

struct http_proxies {
  bool has_unix;
  size_t count;
  struct http_ip_range ranges[];
};

static const char *describe(enum http_ip_fault fault);
static bool read_hop(struct span hop, struct http_client *client);
static bool is_unix(struct span entry);
static bool has(const struct http_proxies *p, const char *address);
static bool previous_hop(const struct http_request *r, size_t *header, struct span *rest,
                         struct span *hop);
static void correct_scheme(const struct http_request *r, struct http_client *client);

const char *http_proxies_check(struct span entry) {
  struct http_ip_range range;
  return is_unix(entry) ? NULL : describe(http_ip_range_read(entry, &range));
}

struct http_proxies *http_proxies_new(char *const *entries) {
  size_t count = mem_count_strings(entries);
  struct http_proxies *p = mem_zalloc(sizeof *p + count * sizeof p->ranges[0]);
  for (size_t i = 0; i < count; i++) {
    struct span entry = span_of(entries[i]);
    if (is_unix(entry))
      p->has_unix = true;
    else if (http_ip_range_read(entry, &p->ranges[p->count]) == HTTP_IP_FINE)
      p->count++;
  }
  return p;
}

void http_proxies_free(struct http_proxies *p) {
  mem_free(p);
}

void http_proxies_correct(const struct http_proxies *p, const struct http_request *r,
                          struct http_client *client) {
  size_t header = http_request_header_count(r);
  struct span rest = {NULL, 0}, hop;
  struct http_client said = {.secure = client->secure};
  if (!has(p, client->address)) return;
  correct_scheme(r, client);
  said.secure = client->secure;
  do {
    if (!previous_hop(r, &header, &rest, &hop) || !read_hop(hop, &said)) return;
    *client = said;
  } while (has(p, said.address));
}

// Addresses ---------------------------------------------------------------------------------------

static const char *describe(enum http_ip_fault fault) {
  switch (fault) {
  case HTTP_IP_FINE: break;
  case HTTP_IP_NO_ADDRESS:
    return "is no address (like 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or unix:)";
  case HTTP_IP_BAD_PREFIX_V4: return "has a bad prefix: 0 to 32 bits";
  case HTTP_IP_BAD_PREFIX_V6: return "has a bad prefix: 0 to 128 bits";
  case HTTP_IP_BITS_BEHIND: return "is no range: bits behind its prefix are set";
  }
  return NULL;
}

static bool is_unix(struct span entry) {
  return span_eq(entry, SPAN("unix:"));
}

static bool has(const struct http_proxies *p, const char *address) {
  struct http_ip ip;
  if (address[0] == '\0') return p->has_unix;
  if (!http_ip_read(span_of(address), &ip)) return false;
  for (size_t i = 0; i < p->count; i++)
    if (http_ip_range_has(&p->ranges[i], &ip)) return true;
  return false;
}

// Headers -----------------------------------------------------------------------------------------

// The element before the ones so far, of all X-Forwarded-For headers as one list. *header starts as
// the number of headers, *rest with .p NULL: what is left of that header.
static bool previous_hop(const struct http_request *r, size_t *header, struct span *rest,
                         struct span *hop) {
  const struct http_header *headers = http_request_headers(r);
  while (!rest->p) {
    if (*header == 0) return false;
    (*header)--;
    if (span_eq_nocase(headers[*header].name, SPAN("x-forwarded-for")))
      *rest = headers[*header].value;
  }
  size_t at = rest->n;
  while (at > 0 && rest->p[at - 1] != ',')
    at--;
  *hop = span_trim((struct span){rest->p + at, rest->n - at});
  *rest = at > 0 ? (struct span){rest->p, at - 1} : (struct span){NULL, 0};
  return true;
}

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80".
static bool read_hop(struct span hop, struct http_client *client) {
  struct http_ip ip;
  unsigned port = 0;
  struct span address = hop, behind = {NULL, 0};
  bool is_bracketed = hop.n > 0 && hop.p[0] == '[';
  const char *end = hop.n > 0 ? memchr(hop.p, is_bracketed ? ']' : ':', hop.n) : NULL;
  if (is_bracketed) {
    if (!end) return false;
    address = (struct span){hop.p + 1, (size_t)(end - hop.p - 1)};
    behind = (struct span){end + 1, hop.n - address.n - 2};
    if (!memchr(address.p, ':', address.n)) return false;
  } else if (end && !memchr(end + 1, ':', (size_t)(hop.p + hop.n - end - 1))) { // one colon alone
    address = (struct span){hop.p, (size_t)(end - hop.p)};
    behind = (struct span){end, hop.n - address.n};
  }
  if (behind.n > 0 && behind.p[0] != ':') return false;
  if (behind.n > 0 &&
      !http_token_read_number((struct span){behind.p + 1, behind.n - 1}, UINT16_MAX, &port))
    return false;
  if (!http_ip_read(address, &ip)) return false;
  http_ip_write(&ip, client->address);
  client->port = (uint16_t)port;
  return true;
}

// One header with one scheme. More than one may come of a client, and who has written which can't
// be told.
static void correct_scheme(const struct http_request *r, struct http_client *client) {
  const struct http_header *headers = http_request_headers(r);
  struct span scheme = {NULL, 0};
  size_t count = 0;
  for (size_t i = 0; i < http_request_header_count(r); i++) {
    if (!span_eq_nocase(headers[i].name, SPAN("x-forwarded-proto"))) continue;
    scheme = headers[i].value;
    count++;
  }
  if (count != 1) return;
  if (span_eq_nocase(scheme, SPAN("https")) || span_eq_nocase(scheme, SPAN("wss")))
    client->secure = true;
  else if (span_eq_nocase(scheme, SPAN("http")) || span_eq_nocase(scheme, SPAN("ws")))
    client->secure = false;
}
