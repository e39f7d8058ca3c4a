#ifndef SCRIPT_VM_H
#define SCRIPT_VM_H

// The Lua state: its libraries, how it finds modules, its garbage collector, its tracebacks. Lua
// thread.

#include <stdbool.h>
#include "script/runtime.h"

// Makes rt->L with everything a script finds in it.
void vm_open(struct runtime *rt);
void vm_close(struct runtime *rt);

// rt->folder: where the script is now. A link may lead elsewhere since the last time.
void vm_find_folder(struct runtime *rt);

// Makes `require "<name>"` call `open`, which pushes the module. `name` is static.
void vm_preload(lua_State *L, const char *name, lua_CFunction open);

// Loads -e and the script onto `co`: a function and the script's arguments, ready to be called. On
// failure false, with a message on top.
bool vm_load(struct runtime *rt, lua_State *co);

// Pushes the traceback of `co` onto `L` ("stack traceback:\n\t..."), without luaws's own and C's
// frames at both ends; "" when nothing else is there.
const char *vm_traceback(lua_State *L, lua_State *co);

// Whether the error that stopped `co` was raised by luaws's own Lua code, in the frame on top.
bool vm_has_own_frame_on_top(lua_State *co);

// Whether there is memory for another connection. Collects garbage before it says no, and tells the
// log. What a connection needs is allocated outside of all tasks, where the cap doesn't bind.
bool vm_has_room(struct runtime *rt);

// A script had no memory: Lua's buffers of strings fail without a collection, so that garbage alone
// may have been in the way of the next one. At most once in a while.
void vm_collect(struct runtime *rt);

// To be called now and then: a collection that has ended gives the next one a later start.
void vm_relax_collector(struct runtime *rt);

#endif
