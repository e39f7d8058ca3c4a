#ifndef CLI_RECALL_H
#define CLI_RECALL_H

// Typed lines, kept in a file between sessions: one a line, oldest first, the newest RECALL_LINES
// of them. Several sessions may add to it at the same time. Any thread, one at a time.

#include <stdbool.h>
#include <stddef.h>

enum {
  RECALL_LINES = 1000,    // that are kept
  RECALL_LINE_MAX = 16384 // bytes; what is longer isn't kept
};

// luaws/`name` in $XDG_STATE_HOME, else in ~/.local/state. NULL: neither is known. The caller frees
// it.
char *recall_path(const char *name);

// Calls `on_line` with each line that is kept, oldest first. 0, also when there is no file yet, or
// a negative errno.
int recall_load(const char *path, void (*on_line)(void *context, const char *line), void *context);

// Whether `line` is worth keeping: not empty, not too long, and it doesn't begin with a blank (so
// that secrets can be kept out).
bool recall_wants(const char *line, size_t length);

// Adds a line to the file, which is made (0600, its folders 0700) if it isn't there. 0, or a
// negative errno.
int recall_add(const char *path, const char *line, size_t length);

#endif
