// When the script is read again. Runs in the Lua thread.

#include "script/reload.h"

#include <lauxlib.h>
#include <string.h>
#include "base/log.h"
#include "script/failure.h"
#include "script/task.h"

const char *reload_refusal(struct runtime *rt) {
  const char *script = rt->options->script;
  if (!script) return "the script was given on the command line: there is no file to read again";
  if (strcmp(script, "-") == 0)
    return "the script came from standard input: there is no file to read again";
  if (rt->preparing) return "the script is being reloaded right now";
  if (rt->phase != PHASE_RUNNING) return "luaws is shutting down";
  return NULL;
}

static void on_done(struct runtime *rt, struct task *t, bool ok) {
  rt->is_reload_asked = false;
  failure_done(rt, t, ok);
}

bool reload_ask(struct runtime *rt) {
  if (reload_refusal(rt)) return false;
  if (rt->is_reload_asked) return true;
  rt->is_reload_asked = true;
  struct task *t = task_new(rt, "reload", on_done, NULL);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->reloader);
  lua_getfield(t->co, -1, "run");
  lua_remove(t->co, -2);
  task_defer(rt, t);
  return true;
}

void reload_note_loaded(struct runtime *rt) {
  lua_State *L = rt->L;
  if (reload_refusal(rt)) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->reloader);
  lua_getfield(L, -1, "noteLoaded");
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    log_error("the script can't be looked through: %s", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
