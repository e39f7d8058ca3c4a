#ifndef SCRIPT_PATH_H
#define SCRIPT_PATH_H

// Paths of files as a script's settings name them. Lua thread.

// Absolute, mem_alloc'ed: a relative one starts at `folder`. What is no path but PEM text itself is
// only copied.
char *path_resolve(const char *folder, const char *path);

#endif
