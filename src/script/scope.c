// What has been started ends with the generation of the script that has started it. Runs in the Lua
// thread.

#include "script/scope.h"

#include "script/lib.h"
#include "script/task.h"
#include "script/uvloop.h"
#include "script/websocket.h"

void scope_end(struct runtime *rt, unsigned scope) {
  lib_timer_end_scope(rt, scope);
  task_kill_scope(rt, scope);
  websocket_end_scope(rt, scope);
  uvloop_end_scope(rt, scope);
}
