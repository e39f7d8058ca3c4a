// When the script is read again. Runs in the Lua thread.

#include "script/reload.h"

#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"

// One that is gone may come back.
static bool is_pipe(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

const char *reload_refusal(struct runtime *rt) {
  const char *script = rt->options->script;
  if (!script) return "the script was given on the command line: there is no file to read again";
  if (strcmp(script, "-") == 0)
    return "the script came from standard input: there is no file to read again";
  if (is_pipe(script)) return "the script came from a pipe: there is no file to read again";
  if (rt->preparing) return "the script is being reloaded right now";
  if (rt->phase != PHASE_RUNNING) return "luaws is shutting down";
  return NULL;
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
