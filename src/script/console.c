// Sessions of the console: each line is a task of its own, so that it may wait. Nothing here keeps
// the script alive. Runs in the Lua thread.

#include "script/console.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "mailbox/event.h"
#include "script/object.h"
#include "script/task.h"
#include "script/wait.h"
#include "script/wss_reload.h"

enum {
  OWN_SESSION = 0, // of the process's stdin
  LINE_MS = 10000, // for which a line may compute at a stretch
};

// On runtime.consoles from CONSOLE_OPEN to CONSOLE_CLOSE, or to the end of the task that runs then.
struct console_session {
  struct list node;
  struct runtime *rt;
  uint64_t id;
  int object;          // registry reference: what lua/luaws/console.lua has made
  struct task *task;   // the line that runs, or NULL
  unsigned interrupts; // of that line: each is owed a prompt of its own
  bool is_closed;
};

static void answer(const struct console_session *s, enum event_console kind, const char *text,
                   size_t size) {
  if (s->is_closed) return;
  const struct worker_options *o = s->rt->options;
  bool is_own = s->id == OWN_SESSION && (kind == CONSOLE_TEXT || kind == CONSOLE_ERROR);
  if (is_own) {
    FILE *stream = kind == CONSOLE_TEXT ? stdout : stderr;
    fwrite(text, 1, size, stream);
    fflush(stream);
  } else if (o->on_console) {
    o->on_console(o->context, s->id, kind, text, size);
  }
}

static void prompt(const struct console_session *s, bool is_incomplete, bool has_failed) {
  char text[4];
  int size = snprintf(text, sizeof text, "%s%s", is_incomplete ? ">>" : ">", has_failed ? "!" : "");
  answer(s, CONSOLE_PROMPT, text, (size_t)size);
}

// write(kind, text), whose upvalue is the session: it goes with that.
static int write_answer(lua_State *L) {
  const struct console_session *s = lua_touserdata(L, lua_upvalueindex(1));
  size_t size;
  const char *kind = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &size);
  answer(s, (enum event_console)kind[0], text, size);
  return 0;
}

static struct console_session *find_session(struct runtime *rt, uint64_t id) {
  for (struct list *i = rt->consoles.next; i != &rt->consoles; i = i->next) {
    struct console_session *s = LIST_ENTRY(i, struct console_session, node);
    if (s->id == id && !s->is_closed) return s;
  }
  return NULL;
}

static void free_session(struct console_session *s) {
  list_remove(&s->node);
  luaL_unref(s->rt->L, LUA_REGISTRYINDEX, s->object);
  mem_free(s);
}

// A line has ended in a way that the session couldn't catch. Pops the event.
static void tell_failure(const struct console_session *s, lua_State *L) {
  static const char OWN_PREFIX[] = "luaws/";
  lua_getfield(L, -1, "errors");
  lua_rawgeti(L, -1, 1);
  lua_getfield(L, -1, "message");
  const char *message = lua_tostring(L, -1);
  const char *colon = strstr(message, ": ");
  bool is_own = strncmp(message, OWN_PREFIX, sizeof OWN_PREFIX - 1) == 0;
  if (is_own && colon) message = colon + 2;
  lua_pushfstring(L, "luaws: %s\n", message);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  answer(s, CONSOLE_ERROR, text, size);
  lua_pop(L, 5);
}

static void on_line_done(struct runtime *rt, struct task *t, bool ok) {
  struct console_session *s = t->owner;
  s->task = NULL;
  if (ok) {
    prompt(s, lua_toboolean(t->co, -2), lua_toboolean(t->co, -1));
  } else {
    tell_failure(s, rt->L);
    prompt(s, false, true);
  }
  for (; s->interrupts > 0; s->interrupts--)
    prompt(s, false, false);
  if (s->is_closed) free_session(s);
}

// A task that calls the session's method with `text`. It returns what on_line_done wants.
static void run(struct console_session *s, const char *method, const char *text, size_t size) {
  struct runtime *rt = s->rt;
  if (rt->phase == PHASE_ENDED) return;
  if (s->task) {
    static const char TEXT[] = "luaws: not run: the line before has not ended\n";
    answer(s, CONSOLE_ERROR, TEXT, sizeof TEXT - 1);
    prompt(s, false, true);
    return;
  }
  struct task *t = task_new(rt, "console", on_line_done, s);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, s->object);
  lua_getfield(t->co, -1, method);
  lua_insert(t->co, -2);
  lua_pushlstring(t->co, text, size);
  t->limit = LINE_MS;
  s->task = t;
  uint64_t ended = s->id + 1; // an earlier line of this session
  atomic_compare_exchange_strong(&rt->budget.ended, &ended, 0);
  task_run(rt, t);
}

// Calls a method that neither waits nor raises. True: it returned true.
static bool call(struct console_session *s, const char *method, const char *text, size_t size) {
  lua_State *L = s->rt->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->object);
  lua_getfield(L, -1, method);
  lua_insert(L, -2);
  lua_pushlstring(L, text, size);
  bool is_true = lua_pcall(L, 2, 1, 0) == LUA_OK && lua_isboolean(L, -1) && lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_true;
}

// servers(): an array of the worker's WebSocketServers.
static int list_servers(lua_State *L) {
  lua_newtable(L);
  wss_reload_list(runtime_of(L), L);
  return 1;
}

// `require "luaws.console"` gives a function that makes sessions.
static int make_object(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "luaws.console");
  lua_call(L, 1, 1);
  lua_insert(L, 1);
  lua_pushcclosure(L, write_answer, 1);
  lua_pushcfunction(L, object_list_members);
  lua_pushcfunction(L, list_servers);
  lua_call(L, 3, 1);
  return 1;
}

static void open_session(struct runtime *rt, uint64_t id) {
  struct console_session *s = mem_zalloc(sizeof *s);
  s->rt = rt;
  s->id = id;
  list_push(&rt->consoles, &s->node);
  lua_pushcfunction(rt->L, make_object);
  lua_pushlightuserdata(rt->L, s);
  int status = lua_pcall(rt->L, 1, 1, 0);
  s->object = luaL_ref(rt->L, LUA_REGISTRYINDEX);
  if (status == LUA_OK) call(s, "greet", "", 0);
  prompt(s, false, false);
}

static void close_session(struct console_session *s) {
  s->is_closed = true;
  if (s->task)
    task_cancel(s->rt, s->task);
  else
    free_session(s);
}

static void interrupt(struct console_session *s) {
  if (s->task) {
    s->interrupts++;
    lua_pushliteral(s->rt->L, "interrupted");
    wait_call_off(s->rt->L, s->task);
    return;
  }
  call(s, "drop", "", 0);
  prompt(s, false, false);
}

void console_on_request(struct runtime *rt, const struct record *record) {
  if (record->flags == CONSOLE_OPEN) {
    open_session(rt, record->id);
    return;
  }
  struct console_session *s = find_session(rt, record->id);
  if (!s) return;
  const char *text = (const char *)record->payload;
  switch (record->flags) {
  case CONSOLE_LINE: run(s, "line", text, record->length); return;
  case CONSOLE_FINISH: run(s, "finish", text, record->length); return;
  case CONSOLE_COMPLETE: call(s, "complete", text, record->length); return;
  case CONSOLE_INTERRUPT: interrupt(s); return;
  case CONSOLE_CLOSE: close_session(s); return;
  }
}

void console_print(struct runtime *rt, const char *text, size_t size) {
  struct task *t = rt->current;
  struct console_session *s = t && console_has_line(t) ? t->owner : NULL;
  if (s && s->id != OWN_SESSION) {
    answer(s, CONSOLE_TEXT, text, size);
    return;
  }
  fwrite(text, 1, size, stdout);
  fflush(stdout);
}

bool console_has_line(const struct task *t) {
  return t->on_done == on_line_done;
}

bool console_is_ended(const struct runtime *rt) {
  const struct task *t = rt->current;
  if (!t || !console_has_line(t)) return false;
  return atomic_load(&rt->budget.ended) == ((struct console_session *)t->owner)->id + 1;
}

void console_deinit(struct runtime *rt) {
  while (!list_empty(&rt->consoles))
    free_session(LIST_ENTRY(rt->consoles.next, struct console_session, node));
}
