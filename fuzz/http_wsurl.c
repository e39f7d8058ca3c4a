// Fuzzes the URLs that a client connects to, and those of proxies. What is read can be written
// again and read to the same end, what goes out is fit for a request, and the user info comes back
// out of its header.

#include <assert.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/header.h"
#include "http/opening.h"
#include "http/tunnel.h"
#include "http/url.h"
#include "http/wsurl.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

// The bytes before "@", decoded, with a colon if there is none.
static void write_user_info(struct buf *out, const char *text, const char *end) {
  struct buf decoded;
  buf_init(&decoded, SIZE_MAX);
  int rc = http_url_decode(&decoded, (struct span){text, (size_t)(end - text)}, false);
  assert(rc == 0);
  buf_append(out, decoded.data, decoded.len);
  if (!memchr(text, ':', (size_t)(end - text))) buf_append_str(out, ":");
  buf_deinit(&decoded);
}

static void check_authorization(const struct http_wsurl *u, const char *text) {
  const char *scheme = strstr(text, "://"), *begin = scheme ? scheme + 3 : text;
  const char *at = memchr(begin, '@', strcspn(begin, "/?"));
  assert((u->authorization != NULL) == (at && at > begin));
  if (!u->authorization) return;
  struct buf expected;
  buf_init(&expected, SIZE_MAX);
  write_user_info(&expected, begin, at);
  assert(strncmp(u->authorization, "Basic ", 6) == 0);
  const char *encoded = u->authorization + 6;
  size_t n = strlen(encoded);
  char *decoded = mem_alloc(n + 1);
  int size = EVP_DecodeBlock((unsigned char *)decoded, (const unsigned char *)encoded, (int)n);
  assert(size >= (int)expected.len && size < (int)expected.len + 3);
  assert(memcmp(decoded, expected.data, expected.len) == 0);
  for (size_t i = 0; i < expected.len; i++)
    assert((unsigned char)decoded[i] >= ' ' && decoded[i] != 0x7f);
  mem_free(decoded);
  buf_deinit(&expected);
}

// What a client makes of it must be a request.
static void check_request(const struct http_wsurl *u) {
  struct http_header header = {SPAN("Authorization"), {NULL, 0}};
  struct http_opening o = {
      .host = span_of(u->host),
      .port = u->port,
      .is_secure = u->is_secure,
      .target = span_of(u->target),
      .headers = &header,
      .header_count = u->authorization ? 1 : 0,
  };
  if (u->authorization) header.value = span_of(u->authorization);
  http_opening_set_key(&o, (const unsigned char[16]){0});
  struct buf out;
  const char *why;
  buf_init(&out, SIZE_MAX);
  int rc = http_opening_write(&out, &o, &why);
  assert(rc == 0);
  buf_deinit(&out);
}

static void check_tunnel(const struct http_wsurl *u) {
  struct http_tunnel t = {.host = u->host, .port = u->port, .authorization = u->authorization};
  struct buf out;
  buf_init(&out, SIZE_MAX);
  int rc = http_tunnel_write(&out, &t);
  assert(rc == 0);
  size_t lines = 0;
  for (size_t i = 0; i < out.len; i++)
    if (out.data[i] == '\n') lines++;
  assert(lines == (u->authorization ? 4 : 3));
  buf_deinit(&out);
}

static void check_again(const struct http_wsurl *u, bool is_proxy) {
  static const char *const schemes[2][2] = {{"ws", "wss"}, {"http", "https"}};
  struct http_wsurl again;
  struct buf url;
  buf_init(&url, SIZE_MAX);
  buf_printf(&url, "%s://%s:%u%s", schemes[is_proxy][u->is_secure], u->host, u->port, u->target);
  if (url.len <= HTTP_WSURL_MAX) {
    const char *why = is_proxy ? http_wsurl_read_proxy(&again, buf_span(&url))
                               : http_wsurl_read(&again, buf_span(&url));
    assert(!why && again.is_secure == u->is_secure && again.port == u->port);
    assert(is_same(again.host, u->host) && is_same(again.target, u->target));
    http_wsurl_deinit(&again);
  }
  buf_deinit(&url);
}

static void check(struct span text, const char *terminated, bool is_proxy) {
  struct http_wsurl u;
  const char *why = is_proxy ? http_wsurl_read_proxy(&u, text) : http_wsurl_read(&u, text);
  if (why) {
    assert(!u.host && !u.target && !u.authorization);
    return;
  }
  assert(strlen(terminated) == text.n);
  assert(u.host[0] && u.port > 0 && u.target[0] == '/');
  if (is_proxy) assert(strcmp(u.target, "/") == 0);
  check_authorization(&u, terminated);
  check_request(&u);
  check_tunnel(&u);
  check_again(&u, is_proxy);
  http_wsurl_deinit(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *copy = (char *)input_copy(data, size), *terminated = mem_dup(data, size);
  check((struct span){copy, size}, terminated, false);
  check((struct span){copy, size}, terminated, true);
  mem_free(terminated);
  mem_free(copy);
  return 0;
}
