// Opening beneath a root. A name is walked segment by segment without following links. Where that
// meets a link, the name is resolved as a whole; if the result still lies beneath the root, that
// real name, which has no links, is walked the same way. So whatever changes in between, no step
// ever follows a link. Loop thread.

#include "reactor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

// O_NONBLOCK: opening a FIFO must not wait for its writer.
enum { OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

int files_root_open(struct files_root *root, const char *path, struct err *err) {
  char *real = realpath(path, NULL);
  int fd = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd < 0) {
    int error = errno;
    err_set_errno(err, error, "root '%s'", path);
    free(real);
    return -error;
  }
  root->fd = fd;
  root->path = mem_dup_string(real);
  free(real);
  return 0;
}

void files_root_close(struct files_root *root) {
  if (root->fd >= 0) close(root->fd);
  mem_free(root->path);
  root->fd = -1;
  root->path = NULL;
}

// A descriptor for `name` beneath the root, or a negative errno; -ELOOP or -ENOTDIR when there is
// a link on the way.
static int walk(const struct files_root *root, const char *name) {
  int at = dup(root->fd);
  while (at >= 0 && *name) {
    char segment[NAME_MAX + 1];
    size_t n = strcspn(name, "/");
    if (n == 0) {
      name++;
      continue;
    }
    int next = -1;
    errno = ENAMETOOLONG;
    if (n <= NAME_MAX) {
      memcpy(segment, name, n);
      segment[n] = '\0';
      next = openat(at, segment, name[n] ? OPEN_FLAGS | O_DIRECTORY : OPEN_FLAGS);
    }
    int error = errno;
    close(at);
    errno = error;
    at = next;
    name += n;
  }
  return at >= 0 ? at : -errno;
}

// What `name` really is, relative to the root; NULL when it lies outside or isn't there.
static char *resolve(const struct files_root *root, const char *name) {
  size_t root_length = strcmp(root->path, "/") == 0 ? 0 : strlen(root->path);
  char path[PATH_MAX];
  int n = snprintf(path, sizeof path, "%.*s/%s", (int)root_length, root->path, name);
  if (n < 0 || (size_t)n >= sizeof path) return NULL;
  char *real = realpath(path, NULL);
  if (!real) return NULL;
  char *inside = NULL;
  if (strncmp(real, root->path, root_length) == 0 && real[root_length] == '/') {
    inside = mem_dup(real + root_length + 1, strlen(real + root_length + 1));
  }
  free(real);
  return inside;
}

static int open_beneath(const struct files_root *root, const char *name) {
  int fd = walk(root, name);
  if (fd != -ELOOP && fd != -ENOTDIR && fd != -EMLINK) return fd;
  char *real = resolve(root, name);
  if (!real) return -ENOENT;
  fd = walk(root, real);
  mem_free(real);
  return fd;
}

static void describe(const struct stat *st, struct http_file *file) {
  file->size = (uint64_t)st->st_size;
  file->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
  file->inode = (uint64_t)st->st_ino;
}

// Whether opening has shown that there is nothing to serve. ENXIO: a socket.
static bool says_none(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR:
  case ELOOP:
  case EMLINK:
  case ENAMETOOLONG:
  case ENXIO:
  case EACCES:
  case EPERM: return true;
  default: return false;
  }
}

int files_open(const struct files_root *root, const char *name, bool is_folder,
               struct http_file *file) {
  char path[PATH_MAX];
  int n = snprintf(path, sizeof path, "%s%s", name, is_folder ? "/index.html" : "");
  if (n < 0 || (size_t)n >= sizeof path) return -ENOENT;
  int fd = open_beneath(root, path);
  if (fd < 0) return says_none(-fd) ? -ENOENT : fd;
  struct stat st;
  if (fstat(fd, &st) != 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  if (S_ISREG(st.st_mode)) {
    describe(&st, file);
    return fd;
  }
  close(fd);
  return S_ISDIR(st.st_mode) && !is_folder ? FILES_FOLDER : -ENOENT;
}
