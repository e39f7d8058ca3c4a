// URLs that a client connects to, taken apart. Pure.

#include "http/wsurl.h"

#include <openssl/evp.h>
#include "base/buf.h"
#include "base/mem.h"
#include "http/ip.h"
#include "http/rules.h"
#include "http/url.h"

// Where a URL's parts lie in its text.
struct parts {
  struct span user_info; // .p NULL: none
  struct span host;      // with its brackets
  struct span port;      // .p NULL: none
  struct span path;      // may be empty
  struct span query;     // .p NULL: none
};

static const char *read(struct http_wsurl *u, struct span rest, bool is_proxy);

const char *http_wsurl_read(struct http_wsurl *u, struct span text) {
  *u = (struct http_wsurl){.is_secure = false};
  const char *why = read(u, text, false);
  if (why) http_wsurl_deinit(u);
  return why;
}

const char *http_wsurl_read_proxy(struct http_wsurl *u, struct span text) {
  *u = (struct http_wsurl){.is_secure = false};
  const char *why = read(u, text, true);
  if (why) http_wsurl_deinit(u);
  return why;
}

void http_wsurl_deinit(struct http_wsurl *u) {
  mem_free(u->host);
  mem_free(u->target);
  mem_free(u->authorization);
  *u = (struct http_wsurl){.is_secure = false};
}

// The text --------------------------------------------------------------------------------------

static bool take_beginning(struct span *rest, struct span beginning) {
  if (!span_begins_nocase(*rest, beginning)) return false;
  rest->p += beginning.n, rest->n -= beginning.n;
  return true;
}

static const char *read_scheme(struct span *rest, bool *is_secure) {
  if (rest->n > HTTP_WSURL_MAX) return "longer than 64 KiB";
  if (span_begins_nocase(*rest, SPAN("http://"))) return "http:// is for pages: use ws://";
  if (span_begins_nocase(*rest, SPAN("https://"))) return "https:// is for pages: use wss://";
  *is_secure = take_beginning(rest, SPAN("wss://"));
  if (*is_secure || take_beginning(rest, SPAN("ws://"))) return NULL;
  return "it must begin with ws:// or wss://";
}

static bool has_scheme(struct span text) {
  for (size_t i = 0; i + 3 <= text.n; i++)
    if (memcmp(text.p + i, "://", 3) == 0) return true;
  return false;
}

static const char *read_proxy_scheme(struct span *rest, bool *is_secure) {
  if (rest->n > HTTP_WSURL_MAX) return "longer than 64 KiB";
  *is_secure = take_beginning(rest, SPAN("https://"));
  if (*is_secure || take_beginning(rest, SPAN("http://"))) return NULL;
  return has_scheme(*rest) ? "a proxy's must begin with http:// or https://" : NULL;
}

// What may stand in no part of a URL. `non_ascii`: what to say of that there.
static const char *check_characters(struct span part, const char *non_ascii) {
  for (size_t i = 0; i < part.n; i++) {
    unsigned char c = (unsigned char)part.p[i];
    if (c == ' ') return "a blank in it: percent-encode it as %20";
    if (c < ' ' || c == 0x7f) return "a control character in it: percent-encode it";
    if (c >= 0x80) return non_ascii;
  }
  return NULL;
}

// The last of such characters, or NULL.
static const char *find_last(struct span text, char c) {
  for (size_t i = text.n; i > 0; i--)
    if (text.p[i - 1] == c) return text.p + i - 1;
  return NULL;
}

static const char *split_authority(struct span authority, struct parts *parts) {
  const char *at = find_last(authority, '@');
  parts->user_info = (struct span){NULL, 0};
  parts->host = authority;
  parts->port = (struct span){NULL, 0};
  if (at) {
    parts->user_info = (struct span){authority.p, (size_t)(at - authority.p)};
    parts->host = (struct span){at + 1, authority.n - parts->user_info.n - 1};
  }
  struct span *host = &parts->host;
  bool is_bracketed = host->n > 0 && host->p[0] == '[';
  const char *end = host->n > 0 ? memchr(host->p, is_bracketed ? ']' : ':', host->n) : NULL;
  if (is_bracketed && !end) return "no \"]\" behind the IPv6 address";
  if (is_bracketed) end++;
  if (!end || end == host->p + host->n) return NULL;
  if (*end != ':') return "something between \"]\" and the port";
  parts->port = (struct span){end + 1, host->n - (size_t)(end - host->p) - 1};
  host->n = (size_t)(end - host->p);
  if (memchr(parts->port.p, ':', parts->port.n))
    return "more than one \":\" in the host: an IPv6 address needs brackets, as in ws://[::1]:8080";
  return NULL;
}

static const char *split(struct span rest, struct parts *parts) {
  size_t n = 0;
  while (n < rest.n && !memchr("/?#", rest.p[n], 3))
    n++;
  struct span authority = {rest.p, n}, target = {rest.p + n, rest.n - n};
  const char *why = check_characters(
      authority, "a character beyond ASCII in the host or the user: write the host in punycode "
                 "(xn--...), percent-encode the user");
  if (!why)
    why = check_characters(target, "a character beyond ASCII in it: percent-encode its UTF-8");
  if (why) return why;
  if (target.n > 0 && memchr(target.p, '#', target.n))
    return "a fragment (#), which WebSockets don't have: percent-encode a # as %23";
  http_url_split(target, &parts->path, &parts->query);
  return split_authority(authority, parts);
}

// Its parts -------------------------------------------------------------------------------------

static const char *check_host(struct span host) {
  if (host.n == 0) return "no host";
  if (host.p[0] == '[') {
    struct span inner = {host.p + 1, host.n - 2};
    struct http_ip ip;
    bool is_v6 = memchr(inner.p, ':', inner.n) && http_ip_read(inner, &ip);
    return is_v6 ? NULL : "no IPv6 address between the brackets";
  }
  if (host.n > HTTP_HOST_MAX) return "a host name of more than 253 characters";
  for (size_t i = 0; i < host.n; i++) {
    char c = span_lower(host.p[i]);
    bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!alnum && !memchr("-._", c, 3)) return "a character in the host that host names don't have";
  }
  return NULL;
}

static const char *read_port(struct span text, bool is_secure, uint16_t *port) {
  static const char WRONG[] = "the port must be a number from 1 to 65535";
  unsigned number = 0;
  *port = is_secure ? HTTP_PORT_TLS : HTTP_PORT_PLAIN;
  if (text.n == 0) return NULL;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return WRONG;
    number = number * 10 + (unsigned)(text.p[i] - '0');
    if (number > UINT16_MAX) return WRONG;
  }
  *port = (uint16_t)number;
  return number > 0 ? NULL : WRONG;
}

// As our own server would have it.
static const char *check_path(struct span path) {
  if (path.n == 0 || !http_rules_check_target(path, SPAN("GET")).text) return NULL;
  return "bad percent-encoding in the path: a % itself is written %25";
}

// RFC 7617 section 2: what stands before the first colon is the user.
static const char *check_user_info(struct span plain, size_t user_size) {
  if (memchr(plain.p, ':', user_size)) return "a colon in the user, where none may be";
  for (size_t i = 0; i < plain.n; i++) {
    unsigned char c = (unsigned char)plain.p[i];
    if (c < ' ' || c == 0x7f) return "a control character in the user or the password";
  }
  return NULL;
}

static char *make_authorization(struct span plain) {
  size_t prefix = strlen("Basic ");
  char *value = mem_alloc(prefix + (plain.n + 2) / 3 * 4 + 1);
  memcpy(value, "Basic ", prefix);
  EVP_EncodeBlock((unsigned char *)value + prefix, (const unsigned char *)plain.p, (int)plain.n);
  return value;
}

static const char *read_user_info(struct span text, char **authorization) {
  struct buf plain;
  if (text.n == 0) return NULL;
  if (memchr(text.p, '@', text.n)) return "two @ in it: in user and password it is written %40";
  const char *colon = memchr(text.p, ':', text.n);
  struct span user = {text.p, colon ? (size_t)(colon - text.p) : text.n}, password = {NULL, 0};
  if (colon) password = (struct span){colon + 1, text.n - user.n - 1};
  buf_init(&plain, HTTP_WSURL_MAX + 1);
  int rc = http_url_decode(&plain, user, false);
  size_t user_size = plain.len;
  if (rc == 0) rc = buf_append(&plain, ":", 1);
  if (rc == 0) rc = http_url_decode(&plain, password, false);
  const char *why = rc == 0 ? check_user_info(buf_span(&plain), user_size)
                            : "bad percent-encoding in user or password: a % is written %25";
  if (!why) *authorization = make_authorization(buf_span(&plain));
  buf_deinit(&plain);
  return why;
}

static char *make_target(const struct parts *parts) {
  size_t size = parts->path.n + (parts->query.p ? parts->query.n + 1 : 0);
  if (parts->path.n > 0) return mem_dup(parts->path.p, size); // the query stands right behind it
  char *target = mem_alloc(size + 2);
  target[0] = '/';
  if (size > 0) memcpy(target + 1, parts->path.p, size);
  target[size + 1] = '\0';
  return target;
}

// What is given out comes last.
static const char *read(struct http_wsurl *u, struct span rest, bool is_proxy) {
  struct parts parts;
  const char *why =
      is_proxy ? read_proxy_scheme(&rest, &u->is_secure) : read_scheme(&rest, &u->is_secure);
  if (!why) why = split(rest, &parts);
  if (!why && is_proxy && (parts.path.n > 1 || parts.query.p)) why = "a proxy's has no path";
  if (!why) why = check_host(parts.host);
  if (!why) why = read_port(parts.port, u->is_secure, &u->port);
  if (!why) why = check_path(parts.path);
  if (!why) why = read_user_info(parts.user_info, &u->authorization);
  if (why) return why;
  u->host = mem_dup(parts.host.p, parts.host.n);
  u->target = make_target(&parts);
  return NULL;
}
