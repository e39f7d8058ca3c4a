#ifndef SCRIPT_WATCH_H
#define SCRIPT_WATCH_H

// --watch, as far as it needs C: lua/luaws/watch.lua decides what changes and when that counts. In
// the first worker of a pool alone; all functions do nothing in the others, and without --watch.
// Lua thread.

#include "script/runtime.h"

// What goes out behind the pages of this worker's web servers, NULL: nothing.
const char *watch_page_tail(const struct runtime *rt);

// Begins, before the script is read.
void watch_start(struct runtime *rt);

// A web server has started, or has other settings.
void watch_on_web(struct runtime *rt);

// The script is about to read a further file, and perhaps more.
void watch_on_files(struct runtime *rt);

// A reload has come to its end; `why`: the reason why it was not to be, NULL if it was.
void watch_on_reload(struct runtime *rt, const char *why);

#endif
