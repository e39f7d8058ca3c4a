#ifndef SCRIPT_WATCH_H
#define SCRIPT_WATCH_H

// --watch, as far as it needs C: lua/luaws/watch.lua decides what changes and when that counts. In
// the first worker of a pool alone; all functions do nothing in the others, and without --watch.
// Lua thread.

#include "script/runtime.h"

// Where served pages hear that they are to be loaded again: a WebSocket server of luaws's own.
#define WATCH_REFRESH_PATH "/.luaws/refresh"

// What goes out behind each page. It loads the page again when it is told to, and when luaws is
// back after it has been gone.
#define WATCH_PAGE_TAIL                                                                            \
  "\n<script>(function c(again){const s=new "                                                      \
  "WebSocket(location.origin.replace('http','ws')+'" WATCH_REFRESH_PATH                            \
  "');s.onmessage=()=>location.reload();s.onopen=()=>again&&location.reload();"                    \
  "s.onclose=()=>setTimeout(c,1000,true)})()</script>\n"

// Begins, before the script does.
void watch_start(struct runtime *rt);

// A web server has started, or has other settings.
void watch_on_web(struct runtime *rt);

// The script has required further files.
void watch_on_files(struct runtime *rt);

// A reload has come to its end; `why`: the reason why it was not to be, NULL if it was.
void watch_on_reload(struct runtime *rt, const char *why);

#endif
