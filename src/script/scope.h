#ifndef SCRIPT_SCOPE_H
#define SCRIPT_SCOPE_H

// The end of what a generation of the script has started (task.h says what belongs to it). Lua
// thread, not while a task of that scope is running.

#include "script/runtime.h"

// Cancels its timers, closes its tasks that wait or are ready (their __close methods are run),
// ends its clients with 1001 and closes its handles of luv's. Servers are left alone.
void scope_end(struct runtime *rt, unsigned scope);

#endif
