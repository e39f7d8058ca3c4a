#ifndef REACTOR_FILES_H
#define REACTOR_FILES_H

// Opening static files, never outside their root folder: not by "..", not by symbolic links, not
// by one that is swapped in between a check and the opening. Loop thread.

#include <stdint.h>
#include "base/err.h"
#include "http/static.h"

struct files_root {
  int fd;     // the folder
  char *path; // its real, absolute path
};

// 0, or negative with *err saying why ("root '/x': No such file or directory").
int files_root_open(struct files_root *root, const char *path, struct err *err);
void files_root_close(struct files_root *root);

// Opens the regular file `name` (relative, "" for the root itself). A folder gives its index.html
// when `is_folder`. Returns a descriptor with *file filled; -ENOENT when there is nothing to serve
// (also for what lies outside, for special files and for what we may not read); FILES_FOLDER for a
// folder that was asked for without its "/"; another negative errno when it can't be told, as
// without a free descriptor.
#define FILES_FOLDER (-5301)
int files_open(const struct files_root *root, const char *name, bool is_folder,
               struct http_file *file);

#endif
