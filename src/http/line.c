// Lines from bytes. Pure.

#include "http/line.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Whether any of these bytes is below a blank, or DEL: eight at a time.
static bool has_control(const char *p, size_t n) {
  const uint64_t ones = UINT64_MAX / 255;
  uint64_t found = 0, word = ones * ' ';
  for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
    memcpy(&word, p, sizeof word);
    uint64_t del = word ^ (ones * 0x7f);
    found |= ((word - ones * ' ') & ~word) | ((del - ones) & ~del);
  }
  word = ones * ' ';
  memcpy(&word, p, n);
  uint64_t del = word ^ (ones * 0x7f);
  found |= ((word - ones * ' ') & ~word) | ((del - ones) & ~del);
  return found & (ones * 0x80);
}

static void take(struct buf *line, struct span *in, size_t n) {
  int rc = buf_append(line, in->p, n);
  assert(rc == 0);
  (void)rc;
  in->p += n, in->n -= n;
}

// Moves a line that lies whole in `in` and is beyond doubt. False: it takes a closer look.
static bool cut_whole(struct buf *line, size_t start, struct span *in, size_t max) {
  if (line->len != start) return false;
  const char *end = memchr(in->p, '\n', in->n);
  if (!end || end == in->p || end[-1] != '\r') return false;
  size_t size = (size_t)(end + 1 - in->p);
  if (size - 2 > max || has_control(in->p, size - 2)) return false;
  take(line, in, size);
  return true;
}

// What is wrong with byte `c` behind `last`, or NULL.
static const char *find_fault(char last, unsigned char c) {
  if (last == '\r' && c != '\n') return "carriage return without line feed";
  if (c == '\n') return last == '\r' ? NULL : "line feed without carriage return";
  if (c == '\r' || c == '\t') return NULL;
  return c < ' ' || c == 0x7f ? "control character" : NULL;
}

enum http_cut http_line_cut(struct buf *line, size_t start, struct span *in, size_t max,
                            struct http_failure *failure) {
  if (cut_whole(line, start, in, max)) return HTTP_CUT_LINE;
  size_t length = line->len - start;
  char last = length > 0 ? line->data[line->len - 1] : '\0';
  for (size_t i = 0; i < in->n; i++) {
    unsigned char c = (unsigned char)in->p[i];
    const char *fault = find_fault(last, c);
    bool is_long = c != '\r' && c != '\n' && length++ >= max;
    if (fault) *failure = (struct http_failure){400, fault};
    if (fault || is_long) {
      in->p += i + 1, in->n -= i + 1;
      return HTTP_CUT_BAD;
    }
    last = (char)c;
    if (c != '\n') continue;
    take(line, in, i + 1);
    return HTTP_CUT_LINE;
  }
  take(line, in, in->n);
  return HTTP_CUT_MORE;
}
