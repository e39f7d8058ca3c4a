// Lines from a descriptor. Any thread, one at a time.

#include "cli/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536 };

void input_init(struct input *in, int fd) {
  *in = (struct input){.fd = fd};
  buf_init(&in->bytes, INPUT_LINE_MAX + CHUNK);
}

void input_deinit(struct input *in) {
  buf_deinit(&in->bytes);
}

static enum input_result take(struct input *in, size_t length, size_t with_end, struct span *line) {
  *line = (struct span){in->bytes.data, length};
  in->given = with_end;
  if (!in->is_skipping && length <= INPUT_LINE_MAX) return INPUT_LINE;
  in->is_skipping = false;
  return INPUT_TOO_LONG;
}

enum input_result input_next(struct input *in, struct span *line) {
  buf_consume(&in->bytes, in->given);
  in->given = 0;
  struct buf *b = &in->bytes;
  const char *stop = b->len > 0 ? memchr(b->data, '\n', b->len) : NULL;
  if (stop) return take(in, (size_t)(stop - b->data), (size_t)(stop - b->data) + 1, line);
  if (b->len > INPUT_LINE_MAX) {
    in->is_skipping = true;
    buf_consume(b, b->len);
  }
  if (!in->is_at_end) return INPUT_MORE;
  if (b->len > 0 || in->is_skipping) return take(in, b->len, b->len, line);
  return INPUT_END;
}

void input_read(struct input *in) {
  char *room = buf_reserve(&in->bytes, CHUNK);
  ssize_t n;
  do
    n = room ? read(in->fd, room, CHUNK) : 0;
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return;
  if (n > 0)
    in->bytes.len += (size_t)n;
  else
    in->is_at_end = true;
}
