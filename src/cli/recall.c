// The file of typed lines. It is opened for each line that is added, so that sessions don't
// overwrite each other's, and a crash loses nothing.

#include "cli/recall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

enum { PRIVATE_FILE = 0600, PRIVATE_FOLDER = 0700 };

// The caller frees it.
static char *join(const char *first, const char *second) {
  size_t size = strlen(first) + strlen(second) + 1;
  char *joined = mem_alloc(size);
  snprintf(joined, size, "%s%s", first, second);
  return joined;
}

char *recall_path(const char *name) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  char *folder = state && state[0] == '/' ? join(state, "/luaws/")
                 : home && home[0] == '/' ? join(home, "/.local/state/luaws/")
                                          : NULL;
  char *path = folder ? join(folder, name) : NULL;
  mem_free(folder);
  return path;
}

// Makes the folders that the file lies in.
static int make_folders(const char *path) {
  char *copy = mem_dup_string(path);
  int status = 0;
  for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, PRIVATE_FOLDER) != 0 && errno != EEXIST) status = -errno;
    *slash = '/';
  }
  mem_free(copy);
  return status;
}

static int open_private(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, PRIVATE_FILE);
  if (fd >= 0 && fchmod(fd, PRIVATE_FILE) == 0) return fd;
  int status = -errno;
  if (fd >= 0) close(fd);
  return status;
}

// Writes the lines of `from` but for the first `skipped` ones to a new file that takes its place.
static int shorten(FILE *from, const char *path, size_t skipped) {
  char *name = join(path, ".new");
  int fd = open_private(name, O_WRONLY | O_CREAT | O_TRUNC);
  FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
  char *line = NULL;
  size_t size = 0;
  bool is_good = to != NULL;
  rewind(from);
  for (ssize_t n; is_good && (n = getline(&line, &size, from)) >= 0;) {
    if (skipped > 0)
      skipped--;
    else
      is_good = fwrite(line, 1, (size_t)n, to) == (size_t)n;
  }
  if (to && fclose(to) != 0) is_good = false;
  if (is_good) is_good = rename(name, path) == 0;
  int status = is_good ? 0 : fd < 0 ? fd : -errno;
  free(line);
  mem_free(name);
  return status;
}

int recall_load(const char *path, void (*on_line)(void *context, const char *line), void *context) {
  FILE *file = fopen(path, "re");
  if (!file) return errno == ENOENT ? 0 : -errno;
  char *line = NULL;
  size_t size = 0, count = 0;
  for (ssize_t n; (n = getline(&line, &size, file)) >= 0; count++) {
    if (n > 0 && line[n - 1] == '\n') line[n - 1] = '\0';
    on_line(context, line);
  }
  free(line);
  int status = ferror(file) ? -errno : 0;
  if (count > 2 * RECALL_LINES) status = shorten(file, path, count - RECALL_LINES);
  fclose(file);
  return status;
}

bool recall_wants(const char *line, size_t length) {
  return length > 0 && length <= RECALL_LINE_MAX && line[0] != ' ' && line[0] != '\t' &&
         !memchr(line, '\n', length) && !memchr(line, '\0', length);
}

int recall_add(const char *path, const char *line, size_t length) {
  int status = make_folders(path);
  int fd = open_private(path, O_WRONLY | O_CREAT | O_APPEND);
  if (fd < 0) return status < 0 ? status : fd;
  char *text = mem_dup(line, length); // a line and its end in one write
  text[length] = '\n';
  ssize_t written = write(fd, text, length + 1);
  status = written < 0 ? -errno : written < (ssize_t)length + 1 ? -ENOSPC : 0;
  mem_free(text);
  if (close(fd) != 0 && status == 0) status = -errno;
  return status;
}
