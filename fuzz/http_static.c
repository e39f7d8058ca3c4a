// Fuzzes the name of a static file and the headers that decide what is sent of it: the first line
// is the path, the rest the head's header lines. No name leads out of the folder, no range out of
// the file.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/static.h"
#include "http/url.h"

static void check_path(struct span path) {
  struct buf out;
  bool is_folder;
  buf_init(&out, 4096);
  int rc = http_static_path(&out, path, &is_folder);
  assert(rc == 0 || rc == ERR_INVALID || rc == ERR_CLOSED || rc == ERR_TOO_BIG);
  assert(rc == 0 || out.len == 0);
  if (rc == 0) {
    assert(strlen(out.data) == out.len);
    assert(!strchr(out.data, '\\'));
    assert(out.data[0] != '/' && (out.len == 0 || out.data[out.len - 1] != '/'));
    assert(out.data[0] != '.' && !strstr(out.data, "/.") && !strstr(out.data, "//"));
    assert(is_folder == (path.p[path.n - 1] == '/'));
    assert(out.len > 0 || is_folder);
    assert(http_static_type(out.data));
  }
  buf_deinit(&out);
}

// A request whose header lines are `lines`, or NULL when they are not well-formed.
static struct http_request *make_request(struct span lines) {
  struct buf wire;
  size_t used;
  struct http_request *r = http_request_new(0);
  buf_init(&wire, lines.n * 2 + 64);
  buf_append_str(&wire, "GET / HTTP/1.1\r\nHost: a\r\n");
  for (size_t i = 0; i < lines.n; i++) {
    if (lines.p[i] == '\n') buf_append(&wire, "\r", 1);
    buf_append(&wire, lines.p + i, 1);
  }
  buf_append_str(&wire, "\r\n\r\n");
  enum http_progress progress = http_request_feed(r, wire.data, wire.len, &used);
  buf_deinit(&wire);
  if (progress == HTTP_COMPLETE) return r;
  http_request_free(r);
  return NULL;
}

static void check_response(const struct http_request *r, uint64_t size) {
  const struct http_file file = {size, 784111777 * INT64_C(1000000000), 7};
  struct buf head;
  uint64_t offset, length;
  buf_init(&head, 4096);
  int status =
      http_static_respond(&head, r, &file, "text/plain", 1750000000, true, &offset, &length);
  assert(status == 200 || status == 206 || status == 304 || status == 412 || status == 416);
  assert(head.len > 4 && memcmp(head.data + head.len - 4, "\r\n\r\n", 4) == 0);
  assert(offset <= size && length <= size - offset);
  if (status == 200) assert(offset == 0 && length == size);
  if (status == 206) assert(length > 0);
  if (status >= 300) assert(length == 0);
  buf_deinit(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Of its own size, so that the sanitizer sees a read past the end.
  char *copy = mem_alloc(size);
  if (size > 0) memcpy(copy, data, size);
  const char *end = size > 0 ? memchr(copy, '\n', size) : NULL;
  struct span path = {copy, end ? (size_t)(end - copy) : size};
  struct span lines = {end ? end + 1 : NULL, end ? size - path.n - 1 : 0};
  check_path(path);
  struct http_request *r = make_request(lines);
  if (r) {
    check_response(r, 1000);
    check_response(r, 0);
    check_response(r, UINT64_MAX / 2);
    http_request_free(r);
  }
  mem_free(copy);
  return 0;
}
