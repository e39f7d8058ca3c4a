// Errors on their way to a script and to the log. Runs in the Lua thread.

#include "script/failure.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/character.h"
#include "mailbox/stats.h"
#include "script/connection.h"
#include "script/coroutines.h"
#include "script/errorvalue.h"
#include "script/fold.h"
#include "script/place.h"
#include "script/subject.h"
#include "script/task.h"
#include "script/traceback.h"
#include "script/trial.h"
#include "script/vm.h"
#include "script/websocket.h"
#include "script/wss.h"

enum {
  FIELDS_MAX = SUBJECT_FIELDS_MAX + 4,
  MESSAGE_MAX = 8 * 1024, // bytes of a message in the log
  SHOWN_MAX = 64 * 1024,
};

static void push_event(lua_State *L, int code, const char *component, const struct place *p);
static void explain(struct runtime *rt, struct task *t, int *code);
static void push_memory_message(struct runtime *rt, lua_State *co);
static void push_traceback(lua_State *L, lua_State *co);
static void show(struct runtime *rt, enum log_level level, const struct subject *s,
                 const struct place *p, struct span message, const char *traceback);
static void show_top(struct runtime *rt, enum log_level level, const struct subject *s,
                     const struct place *p);
static void print(struct runtime *rt, const struct place *p);
static void write_plain(enum log_level level, const char *text, const struct link *link,
                        const struct wss *wss);

void failure_push_task(struct runtime *rt, struct task *t, enum failure_kind kind) {
  lua_State *L = rt->L;
  int code = 0; // a script's own error
  lua_pushnil(L);
  if (kind == FAILURE_YIELDED) {
    code = ERR_CODE_YIELD;
    lua_pushfstring(L,
                    "%s has yielded outside luaws's waiting functions: coroutine.yield works in "
                    "coroutines of your own; to wait use luaws.sleep or luaws.await",
                    t->what);
  } else {
    coroutines_take_traceback(t->co, -1);
    lua_xmove(t->co, L, 1);
    lua_replace(L, -2);
    errorvalue_push_text(rt, t->co);
    explain(rt, t, &code);
  }
  struct place place;
  place_find(&place, t->co, lua_tostring(L, -1), !lua_isnil(L, -2));
  lua_insert(L, -2);
  push_traceback(L, t->co);
  struct subject subject;
  subject_find(&subject, rt, t);
  if (t->is_main && !t->is_refused)
    print(rt, &place);
  else if (!t->is_main)
    show_top(rt, LOG_ERROR, &subject, &place);
  push_event(L, code ? code : 1, code ? ERR_LUAW : ERR_LUA_, &place);
  if (rt->trial) trial_keep_error(L, t->what);
}

void failure_push_closing(struct runtime *rt, struct task *t) {
  lua_State *L = rt->L;
  int code = 0;
  errorvalue_push_text(rt, t->co);
  explain(rt, t, &code);
  struct place place;
  place_find(&place, NULL, lua_tostring(L, -1), false);
  lua_pushliteral(L, "");
  struct subject subject;
  subject_find(&subject, rt, t);
  show_top(rt, LOG_ERROR, &subject, &place);
  push_event(L, code ? code : 1, code ? ERR_LUAW : ERR_LUA_, &place);
  if (rt->trial) trial_keep_error(L, t->what);
}

void failure_push(lua_State *L, const struct err *e, enum log_level level, const struct link *link,
                  const struct wss *wss) {
  write_plain(level, e->text, link, wss);
  lua_pushstring(L, e->text);
  lua_pushliteral(L, "");
  push_event(L, e->code, e->component, NULL);
}

void failure_warn_busy(struct runtime *rt, lua_State *L, uint64_t ms) {
  lua_State *host = rt->L;
  struct subject subject;
  subject_find(&subject, rt, budget_task(rt));
  struct place place;
  place_find(&place, L, NULL, false);
  lua_pushfstring(host, "has been computing for %f s, and all others wait",
                  (lua_Number)(ms / 100) / 10);
  lua_pushnil(host);
  push_traceback(host, L);
  show_top(rt, LOG_WARN, &subject, &place);
  lua_pop(host, 2);
}

void failure_warn_caught(struct runtime *rt) {
  struct subject subject;
  subject_find(&subject, rt, rt->current);
  struct place place = {.line = 0};
  show(rt, LOG_WARN, &subject, &place,
       span_of("was interrupted, since it computed for too long, and has caught the error"), "");
}

void failure_tell_finalizer(struct runtime *rt, const char *message) {
  struct subject subject = {
      .name = "finalizer", .worker = rt->options->name, .generation = rt->generation};
  struct place place;
  place_find(&place, NULL, message, false);
  stats_error(rt->stats, ERR_LUA_);
  show(rt, LOG_ERROR, &subject, &place, span_of(message), "");
}

void failure_tell_script(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  struct task *t = task_new(rt, "luaws.onError", failure_done, NULL);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->calls[CALL_FAILED]);
  lua_xmove(L, t->co, 1);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->module);
  task_defer(rt, t);
}

void failure_done(struct runtime *rt, struct task *t, bool ok) {
  (void)t;
  if (!ok) lua_pop(rt->L, 1);
}

void failure_print(struct runtime *rt) {
  struct place place;
  place_find(&place, NULL, lua_tostring(rt->L, -1), false);
  lua_pushliteral(rt->L, "");
  print(rt, &place);
  lua_pop(rt->L, 2);
}

// Event -------------------------------------------------------------------------------------------

static void set_string(lua_State *L, const char *key, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

// Makes the event out of the message and the traceback on top, which it takes. `p` may be NULL.
static void push_event(lua_State *L, int code, const char *component, const struct place *p) {
  stats_error(runtime_of(L)->stats, component);
  lua_createtable(L, 0, 2); // event
  set_string(L, "type", "error");
  lua_createtable(L, 1, 0); // errors
  lua_createtable(L, 0, 6); // errors[1]
  lua_pushinteger(L, code);
  lua_setfield(L, -2, "errCode");
  set_string(L, "componentSignature", component);
  lua_pushvalue(L, -5);
  lua_setfield(L, -2, "message");
  if (lua_rawlen(L, -4) > 0) {
    lua_pushvalue(L, -4);
    lua_setfield(L, -2, "traceback");
  }
  if (p && p->line > 0) {
    set_string(L, "file", p->file);
    lua_pushinteger(L, p->line);
    lua_setfield(L, -2, "line");
  }
  lua_rawseti(L, -2, 1);
  lua_setfield(L, -2, "errors");
  lua_replace(L, -3);
  lua_pop(L, 1);
}

// Errors that are luaws's own get its code; *code stays 0 for others. May replace the message on
// top.
static void explain(struct runtime *rt, struct task *t, int *code) {
  lua_State *L = rt->L;
  const char *message = lua_tostring(L, -1);
  *code = t->is_cancelled ? ERR_CODE_CANCELLED : t->error_code;
  if (*code != 0) return;
  if (strcmp(message, "not enough memory") == 0) {
    *code = ERR_CODE_MEMORY;
    push_memory_message(rt, t->co);
    lua_remove(L, -2);
    vm_collect(rt);
    return;
  }
  const char *attempt = strstr(message, "attempt to ");
  if (!attempt || !vm_has_own_frame_on_top(t->co)) return;
  *code = ERR_CODE_BAD_HANDLER;
  lua_pushfstring(L, "the handler's %s can't be called: %s", t->what, attempt);
  lua_remove(L, -2);
}

// "20 MiB", "1.5 KiB"
static void format_size(char text[24], size_t bytes) {
  static const char *const UNITS[] = {"bytes", "KiB", "MiB", "GiB"};
  double size = (double)bytes;
  int unit = 0;
  for (; size >= 1024 && unit < 3; unit++)
    size /= 1024;
  snprintf(text, 24, "%.*f %s", size < 10 && unit > 0 ? 1 : 0, size, UNITS[unit]);
}

void failure_set_memory(const struct runtime *rt, struct err *e) {
  char limit[24], refused[24];
  format_size(limit, rt->alloc.cap);
  format_size(refused, rt->alloc.refused);
  bool is_set = rt->options->memory_limit > 0;
  err_set(e, ERR_LUAW, ERR_CODE_MEMORY,
          "not enough memory: Lua may have %s (%s), and %s more would pass that", limit,
          is_set ? "--memory-limit" : "see --memory-limit", refused);
}

// Lua's own says neither where nor why.
static void push_memory_message(struct runtime *rt, lua_State *co) {
  struct place p;
  place_find(&p, co, NULL, false);
  struct err e;
  failure_set_memory(rt, &e);
  if (p.line > 0)
    lua_pushfstring(rt->L, "%s:%d: %s", p.file, p.line, e.text);
  else
    lua_pushstring(rt->L, e.text);
}

// Makes the traceback of `co` out of the value on top: the lines of the coroutines that the error
// has come through before, or nil.
static void push_traceback(lua_State *L, lua_State *co) {
  bool has_inner = !lua_isnil(L, -1);
  const char *lines = traceback_push_lines(L, co);
  if (!has_inner && lines[0] == '\0') {
    lua_remove(L, -2);
    return;
  }
  lua_pushfstring(L, "stack traceback:\n%s%s%s", has_inner ? lua_tostring(L, -2) : "",
                  has_inner && lines[0] ? "\n" : "", lines);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

// Log --------------------------------------------------------------------------------------------

// What is shown of a message: the beginning of a huge one.
static size_t cut_message(const char *message, size_t length, char note[64]) {
  size_t shown = character_cut(message, length, MESSAGE_MAX);
  note[0] = '\0';
  if (shown < length) snprintf(note, 64, "... (%zu bytes more)", length - shown);
  return shown;
}

static struct log_field make_string(const char *key, const char *text) {
  return (struct log_field){.key = key, .kind = LOG_STRING, .string = text, .length = strlen(text)};
}

static void show_as_text(enum log_level level, const struct subject *s, struct span message,
                         const char *note, const char *excerpt, const char *traceback) {
  struct buf text;
  buf_init(&text, SHOWN_MAX);
  char headline[SUBJECT_TEXT_MAX];
  size_t n = subject_describe(s, headline, sizeof headline);
  buf_append(&text, headline, n);
  buf_append_str(&text, level == LOG_ERROR ? "\n" : " ");
  buf_append(&text, message.p, message.n);
  buf_append_str(&text, note);
  if (excerpt[0]) buf_printf(&text, "\n%s", excerpt);
  if (traceback[0]) buf_printf(&text, "\n%s", traceback);
  log_write(level, text.data, text.len, NULL, 0);
  buf_deinit(&text);
}

static void show_as_fields(enum log_level level, const struct subject *s, const struct place *p,
                           struct span message, const char *note, const char *excerpt,
                           const char *traceback) {
  struct log_field fields[FIELDS_MAX];
  size_t count = subject_fields(s, fields);
  if (p->line > 0) {
    fields[count++] = make_string("file", p->file);
    fields[count++] = (struct log_field){.key = "line", .kind = LOG_INTEGER, .integer = p->line};
  }
  if (excerpt[0]) fields[count++] = make_string("source", excerpt);
  if (traceback[0]) fields[count++] = make_string("traceback", traceback);
  struct buf text;
  buf_init(&text, SHOWN_MAX);
  buf_append(&text, message.p, message.n);
  buf_append_str(&text, note);
  log_write(level, text.data ? text.data : "", text.len, fields, count);
  buf_deinit(&text);
}

// One entry; or none, where it is folded. Uses no Lua.
static void show(struct runtime *rt, enum log_level level, const struct subject *s,
                 const struct place *p, struct span message, const char *traceback) {
  if (!log_enabled(level)) return;
  if (level == LOG_ERROR && !fold_admit(rt, s, p, message.p, message.n)) return;
  char excerpt[EXCERPT_MAX], note[64];
  place_excerpt(rt, p, excerpt);
  struct span shown = {message.p, cut_message(message.p, message.n, note)};
  if (log_is_json())
    show_as_fields(level, s, p, shown, note, excerpt, traceback);
  else
    show_as_text(level, s, shown, note, excerpt, traceback);
}

// The same of the message and the traceback on top of rt->L, which stay.
static void show_top(struct runtime *rt, enum log_level level, const struct subject *s,
                     const struct place *p) {
  struct span message;
  message.p = lua_tolstring(rt->L, -2, &message.n);
  show(rt, level, s, p, message, lua_tostring(rt->L, -1));
}

// Prints the message and the traceback on top, which stay. Of the workers that run the script the
// first one to fail speaks for all.
static void print(struct runtime *rt, const struct place *p) {
  if (atomic_exchange(&rt->options->pool->has_failed, true)) return;
  const char *traceback = lua_tostring(rt->L, -1);
  char excerpt[EXCERPT_MAX];
  place_excerpt(rt, p, excerpt);
  fprintf(stderr, "luaws: %s%s%s%s%s\n", lua_tostring(rt->L, -2), excerpt[0] ? "\n" : "", excerpt,
          traceback[0] ? "\n" : "", traceback);
}

// What has no script's code in it: one line, and where.
static void write_plain(enum log_level level, const char *text, const struct link *link,
                        const struct wss *wss) {
  if (!log_enabled(level)) return;
  bool is_client = link && !link_kind(link)->has_server;
  if (link && !is_client) wss = connection_of(link)->wss;
  struct log_field fields[FIELDS_MAX];
  size_t count = 0;
  if (is_client) fields[count++] = make_string("url", websocket_of(link)->shown_url);
  if (wss) fields[count++] = make_string("server", wss->config->path ? wss->config->path : "*");
  if (link)
    fields[count++] = (struct log_field){.key = is_client ? "client" : "connection",
                                         .kind = LOG_INTEGER,
                                         .integer = (int64_t)link->id};
  log_write(level, text, strlen(text), fields, count);
}
