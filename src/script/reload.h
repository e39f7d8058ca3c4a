#ifndef SCRIPT_RELOAD_H
#define SCRIPT_RELOAD_H

// Reading the script again while its connections stay open: a transaction between two events. What
// it does to the Lua state is lua/luaws/reload.lua's, and lib_reload.c what that needs of C:
//
//   prepare   compiles and runs the new generation beside the old one, and gives live objects its
//             methods. Whether that has worked or not, handlers can't run before one of these two:
//   commit    servers go on with what is new; what the old main chunk had started is ended
//   rollback  everything is as it was
//
// A prepare that lacks memory fails like any other; the other two have no cap.
//
// Meanwhile runtime.preparing is the new generation's number. Lua thread.

#include <stdbool.h>
#include "script/runtime.h"

// Why the script can't be reloaded: static text, or NULL.
const char *reload_refusal(struct runtime *rt);

// The main chunk has returned: notes what it has made, so that a reload finds what has changed
// since.
void reload_note_loaded(struct runtime *rt);

#endif
