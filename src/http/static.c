// Static files as arithmetic. Pure.

#include "http/static.h"

#include <inttypes.h>
#include <stdio.h>
#include "http/condition.h"
#include "http/response.h"
#include "http/url.h"

#define NANOSECONDS 1000000000
#define UTF8        "; charset=utf-8"

static const struct {
  const char *extension;
  const char *type;
} TYPES[] = {
    {"html", "text/html" UTF8},
    {"htm", "text/html" UTF8},
    {"css", "text/css" UTF8},
    {"js", "text/javascript" UTF8},
    {"mjs", "text/javascript" UTF8},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"txt", "text/plain" UTF8},
    {"log", "text/plain" UTF8},
    {"lua", "text/plain" UTF8},
    {"md", "text/markdown" UTF8},
    {"csv", "text/csv" UTF8},
    {"ics", "text/calendar" UTF8},
    {"vtt", "text/vtt" UTF8},
    {"xml", "application/xml"},
    {"xhtml", "application/xhtml+xml"},
    {"atom", "application/atom+xml"},
    {"rss", "application/rss+xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"apng", "image/apng"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"ico", "image/x-icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"wasm", "application/wasm"},
    {"mp3", "audio/mpeg"},
    {"m4a", "audio/mp4"},
    {"aac", "audio/aac"},
    {"flac", "audio/flac"},
    {"ogg", "audio/ogg"},
    {"oga", "audio/ogg"},
    {"opus", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"ogv", "video/ogg"},
    {"mov", "video/quicktime"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tgz", "application/gzip"},
    {"tar", "application/x-tar"},
};

static int append_name(struct buf *out, struct span segment);
static bool is_encoded_well(struct span path);
static int write_head(struct buf *head, int status, const struct http_validators *v,
                      const char *type, const char *content_range);

int http_static_path(struct buf *out, struct span path, bool *is_folder) {
  struct span rest = path, segment;
  int rc = 0;
  out->len = 0;
  *is_folder = false;
  if (!is_encoded_well(path)) return ERR_INVALID;
  if (path.n == 0 || path.p[0] != '/') return ERR_CLOSED;
  while (rc == 0 && http_url_next_segment(&rest, &segment)) {
    *is_folder = segment.n == 0 && rest.n == 0;
    if (!*is_folder) rc = append_name(out, segment);
  }
  if (rc == 0) rc = buf_append(out, "", 1);
  if (rc != 0) out->len = 0;
  if (rc == 0) out->len--; // the NUL is behind the name, not in it
  return rc;
}

const char *http_static_type(const char *name) {
  const char *slash = strrchr(name, '/');
  const char *dot = strrchr(slash ? slash : name, '.');
  for (size_t i = 0; dot && i < sizeof TYPES / sizeof TYPES[0]; i++)
    if (span_eq_nocase(span_of(dot + 1), span_of(TYPES[i].extension))) return TYPES[i].type;
  return "application/octet-stream";
}

void http_static_etag(char out[HTTP_ETAG_SIZE], const struct http_file *file) {
  snprintf(out, HTTP_ETAG_SIZE, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", file->inode, file->size,
           (uint64_t)file->mtime_ns);
}

int http_static_respond(struct buf *head, const struct http_request *r,
                        const struct http_file *file, const char *type, uint64_t unix_time,
                        bool keep_alive, uint64_t *offset, uint64_t *length) {
  char etag[HTTP_ETAG_SIZE], content_range[80] = "";
  size_t before = head->len;
  bool is_head = span_eq(http_request_method(r), SPAN("HEAD"));
  struct http_validators v = {etag, file->mtime_ns < 0 ? 0 : file->mtime_ns / NANOSECONDS};
  // A file of the future is as new as can be (RFC 9110 section 8.8.2.1).
  if (v.last_modified > (int64_t)unix_time) v.last_modified = (int64_t)unix_time;
  http_static_etag(etag, file);

  *offset = 0;
  *length = file->size;
  int status = http_condition_check(r, &v, unix_time);
  if (status == 200 && !is_head) // ranges are for GET alone
    status = http_condition_range(r, &v, file->size, unix_time, offset, length);
  if (status == 206)
    snprintf(content_range, sizeof content_range, "%" PRIu64 "-%" PRIu64 "/%" PRIu64, *offset,
             *offset + *length - 1, file->size);
  if (status == 416) snprintf(content_range, sizeof content_range, "*/%" PRIu64, file->size);

  bool has_content = status == 200 || status == 206;
  uint64_t announced = status == 304 ? UINT64_MAX : has_content ? *length : 0;
  if (is_head || !has_content) *length = 0;
  int rc = write_head(head, status, &v, has_content ? type : NULL, content_range);
  if (rc == 0) rc = http_response_end(head, unix_time, announced, keep_alive);
  if (rc != 0) head->len = before;
  return rc == 0 ? status : rc;
}

static bool is_encoded_well(struct span path) {
  while (path.n > 0)
    if (http_url_next_char(&path) <= 0) return false;
  return true;
}

// Adds one segment, decoded, if it is a name that is served.
static int append_name(struct buf *out, struct span segment) {
  if (segment.n == 0) return ERR_CLOSED;
  if (out->len > 0 && buf_append(out, "/", 1) != 0) return ERR_TOO_BIG;
  size_t from = out->len;
  int rc = http_url_decode(out, segment, false);
  if (rc != 0) return rc;
  struct span name = {out->data + from, out->len - from};
  bool served = name.p[0] != '.' && !memchr(name.p, '/', name.n) && !memchr(name.p, '\\', name.n);
  return served ? 0 : ERR_CLOSED;
}

// All but what http_response_end adds. `type` NULL, `content_range` "": left out.
static int write_head(struct buf *head, int status, const struct http_validators *v,
                      const char *type, const char *content_range) {
  char date[HTTP_DATE_SIZE];
  http_date(date, (uint64_t)v->last_modified);
  int rc = http_response_line(head, status);
  if (rc == 0 && type) rc = http_response_header(head, SPAN("Content-Type"), span_of(type));
  if (rc == 0 && content_range[0])
    rc = buf_printf(head, "Content-Range: bytes %s\r\n", content_range);
  if (rc == 0)
    rc = buf_printf(head,
                    "ETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n"
                    "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n",
                    v->etag, date);
  return rc;
}
