// The Lua state. Runs in the Lua thread.

#include "script/vm.h"

#include <lauxlib.h>
#include <libgen.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "script/answer.h"
#include "script/budget.h"
#include "script/coroutines.h"
#include "script/embed.h"
#include "script/excerpt.h"
#include "script/failure.h"
#include "script/ask.h"
#include "script/job.h"
#include "script/json.h"
#include "script/lib.h"
#include "script/request.h"
#include "script/suggest.h"
#include "script/trial.h"
#include "script/traceback.h"
#include "script/uvloop.h"

#define OWN_CALLS   "=luaws/calls.lua" // as load_embedded names it
#define OWN_WARNING "error in __gc"    // Lua's about a finalizer

// Its address is the registry's key of the sentinel's metatable.
static const char SENTINEL_KEY;

enum {
  // A new collection begins when so much and a tenth of the heap has been allocated, so that
  // garbage
  // doesn't double what thousands of connections take. Of what a heap has beyond LARGE_KIB, half is
  // added: a script's large state shall not be marked all the time.
  RELAX_KIB = 512,
  PAUSE = 110, // percent, as Lua has it
  LARGE_KIB = 4 * 1024,
  WARNING_MAX = 4096,
  FULL_PART = 32, // of the cap, which is kept free of new connections
  FULL_MS = 1000, // between two collections for one
};

static const char *const CALL_NAMES[CALLS] = {
    [CALL_MAIN] = "main",
    [CALL_CONNECTION] = "connection",
    [CALL_OPEN] = "open",
    [CALL_MESSAGE] = "message",
    [CALL_DRAIN] = "drain",
    [CALL_TERMINATE] = "terminate",
    [CALL_ERROR] = "error",
    [CALL_CONNECTION_ERROR] = "connectionError",
    [CALL_FAILED] = "failed",
    [CALL_REQUEST] = "request",
    [CALL_CLIENT_ERROR] = "clientError",
    [CALL_RELOAD] = "reload",
    [CALL_CALLED] = "called",
    [CALL_ASKED] = "asked",
};

static size_t find_cap(void);
static int on_panic(lua_State *L);
static void on_warning(void *context, const char *text, int continues);
static void watch_cycle(lua_State *L);
static void watch_collector(lua_State *L);
static void open_searcher(lua_State *L);
static void open_module(struct runtime *rt);
static void open_calls(struct runtime *rt);
static void open_message_events(struct runtime *rt);
static void open_reloader(struct runtime *rt);
static void set_path(struct runtime *rt);
static void set_arg(struct runtime *rt);

void vm_open(struct runtime *rt) {
  uint64_t limit = rt->options->memory_limit;
  alloc_init(&rt->alloc, limit > 0 ? limit : find_cap());
  lua_State *L = rt->L = rt->alloc.L = lua_newstate(alloc_for_lua, &rt->alloc);
  lua_atpanic(L, on_panic);
  buf_init(&rt->warning, WARNING_MAX);
  lua_setwarnf(L, on_warning, rt);
  *(struct runtime **)lua_getextraspace(L) = rt;
  luaL_openlibs(L);
  coroutines_open(L);
  watch_collector(L);
  open_searcher(L);
  vm_find_folder(rt);
  set_path(rt);
  set_arg(rt);
  request_open(L);
  open_module(rt);
  open_calls(rt);
  open_message_events(rt);
  uvloop_preload(L);
  trial_preload(L);
  lib_wired_preload(L);
  excerpt_preload(L);
  suggest_preload(L);
  embed_preload(L);
  budget_preload(L);
  open_reloader(rt);
#ifdef LUAWS_TINY
  lua_gc(L, LUA_GCINC, 10, 1000, 1); // always on
#else
  lua_gc(L, LUA_GCINC, PAUSE, 0, 0);
#endif
}

void vm_close(struct runtime *rt) {
  lua_close(rt->L);
  buf_deinit(&rt->warning);
  alloc_deinit(&rt->alloc);
  mem_free(rt->folder);
  mem_free(rt->trial);
}

void vm_preload(lua_State *L, const char *name, lua_CFunction open) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

bool vm_load(struct runtime *rt, lua_State *co) {
  const struct worker_options *options = rt->options;
  lua_rawgeti(co, LUA_REGISTRYINDEX, rt->calls[CALL_MAIN]);
  lua_pushnil(co);
  if (options->code) {
    lua_pop(co, 1);
    int status = luaL_loadbuffer(co, options->code, strlen(options->code), "=(command line)");
    if (status != LUA_OK) return false;
  }
  lua_pushnil(co);
  if (options->script) {
    lua_pop(co, 1);
    bool is_stdin = strcmp(options->script, "-") == 0;
    if (luaL_loadfile(co, is_stdin ? NULL : options->script) != LUA_OK) return false;
  }
  for (char **argument = options->args; argument && *argument; argument++) {
    luaL_checkstack(co, 1, "too many arguments");
    lua_pushstring(co, *argument);
  }
  return true;
}

const char *vm_traceback(lua_State *L, lua_State *co) {
  const char *lines = traceback_push_lines(L, co);
  if (lines[0] == '\0') return lines;
  lua_pushfstring(L, "stack traceback:\n%s", lines);
  lua_remove(L, -2);
  return lua_tostring(L, -1);
}

bool vm_has_own_frame_on_top(lua_State *co) {
  lua_Debug frame;
  if (!lua_getstack(co, 0, &frame)) return false;
  lua_getinfo(co, "S", &frame);
  return strcmp(frame.source, OWN_CALLS) == 0;
}

// Inside a finalizer the collector can't be told anything; so collect_sentinel only takes a note.
void vm_relax_collector(struct runtime *rt) {
  if (!rt->collected) return;
  rt->collected = false;
  watch_cycle(rt->L);
#ifndef LUAWS_TINY
  int kib = lua_gc(rt->L, LUA_GCCOUNT);
  int more = RELAX_KIB + (kib > LARGE_KIB ? (kib - LARGE_KIB) / 2 : 0);
  size_t room = rt->alloc.cap > rt->alloc.used ? (rt->alloc.cap - rt->alloc.used) / 2048 : 0;
  if (room < (size_t)more) more = (int)room; // half of what is left
  if (more > 0) lua_gc(rt->L, LUA_GCSTEP, -more);
#endif
}

static bool is_full(const struct runtime *rt) {
  return rt->alloc.used > rt->alloc.cap - rt->alloc.cap / FULL_PART;
}

// A whole collection may take a while: many clients may come while nothing can be had.
static bool may_collect(struct runtime *rt) {
  if (rt->filled != 0 && rt->now - rt->filled < FULL_MS) return false;
  rt->filled = rt->now;
  return true;
}

void vm_collect(struct runtime *rt) {
  if (may_collect(rt)) lua_gc(rt->L, LUA_GCCOLLECT);
}

bool vm_has_room(struct runtime *rt) {
  if (!is_full(rt)) return true;
  if (may_collect(rt)) {
    lua_gc(rt->L, LUA_GCCOLLECT);
    if (is_full(rt))
      log_warn("refusing connections with 503: Lua has nearly all of the %.1f MiB that it may have "
               "(--memory-limit)",
               (double)rt->alloc.cap / (1024 * 1024));
  }
  return !is_full(rt);
}

// A script may have three quarters of the machine's memory.
static size_t find_cap(void) {
  long pages = sysconf(_SC_PHYS_PAGES);
  long page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return SIZE_MAX;
  return (size_t)pages / 4 * 3 * (size_t)page;
}

// An error outside every task: a defect of luaws.
static int on_panic(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  log_error("unprotected error in Lua: %s", message ? message : "(no message)");
  return 0;
}

// "error in __gc (chat.lua:12: ...)": Lua's own words, of which the message is left. A finalizer
// that finds the stack full is not called at all: an error of the script's follows that says more.
static void on_finalizer_error(struct runtime *rt, char *text, size_t length) {
  const char *message = strstr(text, " (") + 2;
  if (text[length - 1] == ')') text[length - 1] = '\0'; // else it has been cut
  rt->collected = true; // it may have been the sentinel that was not called
  if (strstr(message, "stack overflow"))
    log_debug("a finalizer has not been called: %s", message);
  else
    failure_tell_finalizer(rt, message);
}

// A warning of Lua's or of the script's, in pieces. A single one that begins with "@" is a command,
// not for us.
static void on_warning(void *context, const char *text, int continues) {
  struct runtime *rt = context;
  struct buf *pieces = &rt->warning;
  if (pieces->len == 0 && !continues && text[0] == '@') return;
  size_t length = strlen(text), room = WARNING_MAX - 1 - pieces->len;
  buf_append(pieces, text, length < room ? length : room);
  if (continues) return;
  length = pieces->len;
  buf_append(pieces, "", 1);
  if (strncmp(pieces->data, OWN_WARNING, strlen(OWN_WARNING)) == 0 && strcmp(text, ")") == 0)
    on_finalizer_error(rt, pieces->data, length);
  else
    log_write(LOG_WARN, pieces->data, length, NULL, 0);
  buf_deinit(pieces);
}

// Allocates nothing, so that it can't fail in the middle of a collection.
static int collect_sentinel(lua_State *L) {
  runtime_of(L)->collected = true;
  return 0;
}

// The sentinel is garbage at once, so that the next cycle calls its finalizer.
static void watch_cycle(lua_State *L) {
  lua_newtable(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &SENTINEL_KEY);
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

static void watch_collector(lua_State *L) {
  lua_newtable(L); // the metatable
  lua_pushcfunction(L, collect_sentinel);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &SENTINEL_KEY);
  watch_cycle(L);
}

// Pushes the chunk of an embedded module. Its code is luaws's own: it compiles.
static void load_embedded(lua_State *L, const struct embed_module *module) {
  luaL_gsub(L, module->name, ".", "/");
  lua_pushfstring(L, "=%s%s.lua", lua_tostring(L, -1), strchr(module->name, '.') ? "" : "/init");
  lua_remove(L, -2);
  if (luaL_loadbuffer(L, (const char *)module->data, module->size, lua_tostring(L, -1)) != LUA_OK)
    lua_error(L);
  lua_remove(L, -2);
}

static int search_embedded(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const struct embed_module *module = embed_find(name);
  if (!module) {
    lua_pushfstring(L, "no module '%s' in luaws", name);
    return 1;
  }
  load_embedded(L, module);
  lua_pushliteral(L, "luaws");
  return 2;
}

// Second of package.searchers, behind package.preload: a file can't stand in for luaws's own.
static void open_searcher(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search_embedded);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}

// package.loaded.luaws: lua/luaws/init.lua around what C provides.
static void open_module(struct runtime *rt) {
  lua_State *L = rt->L;
  load_embedded(L, embed_find("luaws"));
  lua_newtable(L);
  json_open(L);
  lib_luaws_open(L);
  lib_timer_open(L);
  lib_log_open(L);
  lib_connection_open(L);
  lib_websocket_open(L);
  lib_webserver_open(L);
  lib_wss_open(L);
  lua_pushvalue(L, -1);
  rt->module = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_call(L, 1, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_insert(L, -2);
  lua_setfield(L, -2, "luaws");
  lua_pop(L, 1);
}

static void open_calls(struct runtime *rt) {
  lua_State *L = rt->L;
  load_embedded(L, embed_find("luaws.calls"));
  lua_newtable(L);
  answer_open(L);
  job_open(L);
  ask_open(L);
  lua_call(L, 1, 1);
  for (int i = 0; i < CALLS; i++) {
    lua_getfield(L, -1, CALL_NAMES[i]);
    rt->calls[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_pop(L, 1);
}

// An onMessage event has `data` alone in its own table, and `isBinary` when it is true.
static void open_message_events(struct runtime *rt) {
  lua_State *L = rt->L;
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "message");
  lua_setfield(L, -2, "type");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "isBinary");
  lua_setfield(L, -2, "__index");
  rt->message_events = luaL_ref(L, LUA_REGISTRYINDEX);
}

// package.loaded["luaws.reload"]: lua/luaws/reload.lua around what C provides.
static void open_reloader(struct runtime *rt) {
  lua_State *L = rt->L;
  load_embedded(L, embed_find("luaws.reload"));
  lib_reload_push(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->module);
  lua_call(L, 2, 1);
  lua_pushvalue(L, -1);
  rt->reloader = luaL_ref(L, LUA_REGISTRYINDEX);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_insert(L, -2);
  lua_setfield(L, -2, "luaws.reload");
  lua_pop(L, 1);
}

static bool has_file(const struct worker_options *options) {
  return options->script && strcmp(options->script, "-") != 0;
}

// The script's folder as it was named. To be freed.
static char *name_folder(const struct worker_options *options) {
  if (!has_file(options)) return mem_dup_string(".");
  char *script = mem_dup_string(options->script);
  char *folder = mem_dup_string(dirname(script));
  mem_free(script);
  return folder;
}

void vm_find_folder(struct runtime *rt) {
  char *folder = name_folder(rt->options);
  char *absolute = realpath(folder, NULL);
  if (absolute || !rt->folder) {
    mem_free(rt->folder);
    rt->folder = mem_dup_string(absolute ? absolute : folder);
  }
  free(absolute);
  mem_free(folder);
}

// package.path begins in the script's folder.
static void set_path(struct runtime *rt) {
  char *folder = name_folder(rt->options);
  lua_State *L = rt->L;
  lua_getglobal(L, "package");
  if (rt->options->path) {
    lua_pushstring(L, rt->options->path);
  } else {
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", folder, folder);
    lua_getfield(L, -2, "path");
    lua_concat(L, 2);
  }
  lua_setfield(L, -2, "path");
  lua_pop(L, 1);
  mem_free(folder);
}

// As lua has it: the script at 0, its arguments behind it, the program before it.
static void set_arg(struct runtime *rt) {
  const struct worker_options *options = rt->options;
  lua_State *L = rt->L;
  lua_newtable(L);
  lua_Integer program = 0;
  if (options->script) {
    lua_pushstring(L, options->script);
    lua_rawseti(L, -2, 0);
    program = -1;
  }
  if (options->program) {
    lua_pushstring(L, options->program);
    lua_rawseti(L, -2, program);
  }
  for (lua_Integer i = 0; options->args && options->args[i]; i++) {
    lua_pushstring(L, options->args[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
}
