#ifndef CLI_INPUT_H
#define CLI_INPUT_H

// Lines from a descriptor, read when that is wanted. One thread at a time.

#include <stdbool.h>
#include "base/buf.h"
#include "base/span.h"

enum { INPUT_LINE_MAX = 1024 * 1024 }; // bytes

struct input {
  int fd;
  struct buf bytes; // read, and not yet given out
  size_t given;     // of these: the last line, which goes with the next call
  bool is_at_end;   // of what can be read
  bool is_skipping; // the rest of a line that is too long
};

enum input_result {
  INPUT_LINE,     // there is one
  INPUT_MORE,     // input_read first
  INPUT_TOO_LONG, // a line was, and is left out
  INPUT_END,
};

// Reads from `fd`, which stays the caller's.
void input_init(struct input *in, int fd);
void input_deinit(struct input *in);

// The next line, without its '\n'; good until the next call.
enum input_result input_next(struct input *in, struct span *line);

// One read, which waits where the descriptor does. What fails counts as the end.
void input_read(struct input *in);

#endif
