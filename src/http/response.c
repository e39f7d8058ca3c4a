// Heads of HTTP responses. Pure.

#include "http/response.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
  int status;
  const char *text;
} STATUSES[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a Teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

static const char *const RESERVED[] = {
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Upgrade",
    "Date",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int append_pieces(struct buf *out, const struct span *pieces, size_t count);

const char *http_status_text(int status) {
  for (size_t i = 0; i < COUNT(STATUSES); i++)
    if (STATUSES[i].status == status) return STATUSES[i].text;
  return "Unknown";
}

bool http_status_has_body(int status) {
  return status >= 200 && status != 204 && status != 205 && status != 304;
}

bool http_header_is_reserved(struct span name) {
  for (size_t i = 0; i < COUNT(RESERVED); i++)
    if (span_eq_nocase(name, span_of(RESERVED[i]))) return true;
  return false;
}

int http_response_line(struct buf *out, int status) {
  char number[16];
  snprintf(number, sizeof number, "%d ", status);
  const struct span pieces[] = {SPAN("HTTP/1.1 "), span_of(number),
                                span_of(http_status_text(status)), SPAN("\r\n")};
  return append_pieces(out, pieces, COUNT(pieces));
}

int http_response_header(struct buf *out, struct span name, struct span value) {
  const struct span pieces[] = {name, SPAN(": "), value, SPAN("\r\n")};
  return append_pieces(out, pieces, COUNT(pieces));
}

int http_response_end(struct buf *out, uint64_t unix_time, uint64_t length, bool keep_alive) {
  char date[HTTP_DATE_SIZE], content_length[48] = "";
  http_date(date, unix_time);
  if (length != UINT64_MAX)
    snprintf(content_length, sizeof content_length, "Content-Length: %" PRIu64 "\r\n", length);
  const struct span pieces[] = {
      SPAN("Date: "),          span_of(date),        SPAN("\r\n"),
      span_of(content_length), SPAN("Connection: "), span_of(keep_alive ? "keep-alive" : "close"),
      SPAN("\r\n\r\n"),
  };
  return append_pieces(out, pieces, COUNT(pieces));
}

int http_response_text(struct buf *out, int status, const char *text, struct span extra,
                       uint64_t unix_time, bool keep_alive, bool head_only) {
  size_t before = out->len;
  size_t length = strlen(text) + 1;
  const struct span head[] = {
      SPAN("Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"),
      extra};
  const struct span body[] = {span_of(text), SPAN("\n")};
  int rc = http_response_line(out, status);
  if (rc == 0) rc = append_pieces(out, head, COUNT(head));
  if (rc == 0) rc = http_response_end(out, unix_time, length, keep_alive);
  if (rc == 0 && !head_only) rc = append_pieces(out, body, COUNT(body));
  if (rc != 0) out->len = before;
  return rc;
}

// All or nothing.
static int append_pieces(struct buf *out, const struct span *pieces, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++)
    total += pieces[i].n;
  if (!buf_reserve(out, total)) return ERR_TOO_BIG;
  for (size_t i = 0; i < count; i++)
    buf_append(out, pieces[i].p, pieces[i].n);
  return 0;
}
