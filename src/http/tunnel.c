// Tunnels through proxies. Pure.

#include "http/tunnel.h"

#include "http/response.h"

static int write_all(struct buf *out, const struct http_tunnel *t);

int http_tunnel_write(struct buf *out, const struct http_tunnel *t) {
  size_t before = out->len;
  int rc = write_all(out, t);
  if (rc != 0) out->len = before;
  return rc;
}

bool http_tunnel_is_open(const struct http_reply *r) {
  int status = http_reply_status(r);
  return status >= 200 && status <= 299;
}

const char *http_tunnel_hint(int status) {
  switch (status) {
  case 407: return " (give user and password in its URL: http://user:password@host:port)";
  case 403: return " (it doesn't allow that host or port)";
  case 404:
  case 405:
  case 501: return " (is it a proxy?)";
  default: return "";
  }
}

// RFC 9110 section 9.3.6: the target is host and port even where the port is the scheme's own.
static int write_all(struct buf *out, const struct http_tunnel *t) {
  int rc = buf_printf(out, "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n", t->host, t->port, t->host,
                      t->port);
  if (rc == 0 && t->authorization)
    rc = http_response_header(out, SPAN("Proxy-Authorization"), span_of(t->authorization));
  return rc == 0 ? buf_append_str(out, "\r\n") : rc;
}
