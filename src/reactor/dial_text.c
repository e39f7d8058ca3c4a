// Words for a dialing that has come to nothing. Loop thread.
//
// What a server has sent may stand in them: as one line of sound UTF-8, and cut.

#include "reactor/dial_text.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include "base/character.h"
#include "http/header.h"
#include "http/reply.h"
#include "http/tunnel.h"
#include "mailbox/config.h"
#include "net/tls.h"
#include "ws/close.h"
#include "ws/utf8.h"

enum { QUOTE_MAX = 100 };

// The beginning of what a server has sent.
static void quote(struct span s, char text[QUOTE_MAX + 4]) {
  size_t n = character_cut(s.p, s.n, QUOTE_MAX);
  bool is_text = ws_utf8_valid(s.p, n);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    text[i] = c < ' ' || c == 0x7f || (!is_text && c > 0x7f) ? '?' : (char)c;
  }
  snprintf(text + n, 4, "%s", n < s.n ? "..." : "");
}

// Its first line, if it may be one for people.
static struct span first_line(struct span body) {
  body = span_trim(body);
  if (body.n == 0 || body.p[0] == '<') return (struct span){NULL, 0};
  const char *end = memchr(body.p, '\n', body.n);
  if (end) body.n = (size_t)(end - body.p);
  if (body.n > 0 && body.p[body.n - 1] == '\r') body.n--;
  return body;
}

void dial_text_server(const struct client_config *config, char *to, size_t size) {
  const char *host = config->host, *proxy = config->proxy_host;
  if (proxy)
    snprintf(to, size, "%s:%u by way of the proxy %s:%u", host, config->port, proxy,
             config->proxy_port);
  else
    snprintf(to, size, "%s:%u", host, config->port);
}

void dial_text_proxy(const struct client_config *config, char *to, size_t size) {
  snprintf(to, size, "the proxy %s:%u", config->proxy_host, config->proxy_port);
}

void dial_text_name(const char *host, char *name, size_t size) {
  size_t n = strlen(host);
  bool has_brackets = n > 2 && host[0] == '[' && host[n - 1] == ']';
  snprintf(name, size, "%.*s", (int)(has_brackets ? n - 2 : n), host + has_brackets);
}

void dial_text_unsaid(const char *to, const char *why, struct err *err) {
  err_set(err, ERR_LUAW, WS_CLOSE_PROTOCOL_ERROR, "can't ask %s: %s", to, why);
}

void dial_text_bad_answer(const char *to, const char *why, struct err *err) {
  err_set(err, ERR_LUAW, WS_CLOSE_PROTOCOL_ERROR, "bad answer from %s: %s", to, why);
}

void dial_text_refused(const char *to, const struct http_reply *reply, struct err *err) {
  int status = http_reply_status(reply);
  char reason[QUOTE_MAX + 4], text[QUOTE_MAX + 4];
  struct span location =
      http_header_find(http_reply_headers(reply), http_reply_header_count(reply), "location");
  if (status >= 300 && status < 400 && location.p) {
    quote(location, text);
    err_set(err, ERR_LUAW, status, "%s answered %d and points to %s; redirects are not followed",
            to, status, text);
    return;
  }
  quote(http_reply_reason(reply), reason);
  quote(first_line(http_reply_body(reply)), text);
  err_set(err, ERR_LUAW, status, "%s answered %d%s%s%s%s", to, status, reason[0] ? " " : "", reason,
          text[0] ? ": " : "", text);
}

void dial_text_no_tunnel(const char *to, const struct client_config *config,
                         const struct http_reply *reply, struct err *err) {
  int status = http_reply_status(reply);
  char reason[QUOTE_MAX + 4];
  quote(http_reply_reason(reply), reason);
  err_set(err, ERR_LUAW, status, "%s gives no tunnel to %s:%u: it answered %d%s%s%s", to,
          config->host, config->port, status, reason[0] ? " " : "", reason,
          http_tunnel_hint(status));
}

void dial_text_ended(const char *to, bool has_begun, struct err *err) {
  err_set(err, ERR_UV__, UV_EOF,
          has_begun ? "%s closed the connection in the middle of its answer"
                    : "%s closed the connection without an answer",
          to);
}

void dial_text_lost(const char *to, int error, struct err *err) {
  err_set(err, ERR_UV__, error, "lost the connection to %s before its answer: %s", to,
          uv_strerror(error));
}

void dial_text_tls(const char *to, const struct tls *t, struct err *err) {
  struct err cause;
  tls_failure(t, &cause);
  err_set(err, cause.component, cause.code, "no TLS with %s: %s", to, cause.text);
}

void dial_text_late(enum dial_late what, const char *to, double seconds, struct err *err) {
  static const char *const TEXTS[][2] = {
      [DIAL_LATE_NAME] = {"can't find host '", "': no answer from a name server"},
      [DIAL_LATE_TLS] = {"no TLS with ", ": the handshake was not done"},
      [DIAL_LATE_ANSWER] = {"no answer from ", ""},
      [DIAL_LATE_REST] = {"no whole answer from ", ""},
  };
  err_set(err, ERR_UV__, UV_ETIMEDOUT, "%s%s%s within %g s", TEXTS[what][0], to, TEXTS[what][1],
          seconds);
}
