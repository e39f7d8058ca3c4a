// Subjects of log entries. Runs in the Lua thread.

#include "script/subject.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "script/connection.h"
#include "script/task.h"
#include "script/traceback.h"
#include "script/websocket.h"
#include "script/wss.h"

// In the functions of lua/luaws/calls.lua: (subject, handler, event).
enum { HANDLER_PARAMETER = 2 };

// The name of a class of luaws.class, or any metatable's; "" when it has none.
static void read_name(lua_State *L, char *name, size_t size) {
  name[0] = '\0';
  if (luaL_getmetafield(L, -1, "__name") == LUA_TNIL) return;
  bool is_class = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "class") == 0;
  if (is_class && lua_istable(L, -2)) { // a class itself is the handler
    lua_pop(L, 1);
    lua_pushliteral(L, "__name");
    lua_rawget(L, -2);
  }
  if (lua_type(L, -1) == LUA_TSTRING) snprintf(name, size, "%s", lua_tostring(L, -1));
  lua_pop(L, 1);
}

// The handler of the connection, client or server: whatever has become of the callback.
static void read_own_handler(struct subject *s, lua_State *L) {
  s->name[0] = '\0';
  if (s->link && s->link->state != LINK_CONNECTING) {
    link_push(L, s->link);
    lua_getiuservalue(L, -1, LINK_HANDLER);
  } else if (s->wss) {
    wss_push(L, s->wss);
    lua_getiuservalue(L, -1, WSS_HANDLER);
  } else {
    lua_pushnil(L);
    lua_pushnil(L);
  }
  read_name(L, s->name, sizeof s->name);
  lua_pop(L, 2);
  if (s->name[0] == '\0') snprintf(s->name, sizeof s->name, "handler");
}

// Finds the handler as calls.lua has called it, which is the one nearest to the script.
static void find_handler(struct subject *s, lua_State *co) {
  lua_Debug frame;
  int bottom = traceback_count_levels(co) - 1;
  if (!lua_checkstack(co, LUA_MINSTACK)) return;
  for (int level = bottom; level >= 0 && level > bottom - 3; level--) {
    if (!lua_getstack(co, level, &frame) || !lua_getinfo(co, "S", &frame)) return;
    if (!traceback_is_own(&frame) || !lua_getlocal(co, &frame, HANDLER_PARAMETER)) return;
    char name[SUBJECT_NAME_MAX];
    read_name(co, name, sizeof name);
    lua_pop(co, 1);
    snprintf(s->name, sizeof s->name, "%s", name[0] ? name : "handler");
  }
}

static bool is_callback(const struct task *t) {
  return t->link || t->wss || strcmp(t->what, "onRequest") == 0;
}

void subject_find(struct subject *s, const struct runtime *rt, const struct task *t) {
  *s = (struct subject){.task = t, .worker = rt->options->name, .generation = rt->generation};
  if (!t) return;
  s->link = t->link;
  s->wss = t->link && link_kind(t->link)->has_server ? connection_of(t->link)->wss : t->wss;
  if (!is_callback(t)) return;
  read_own_handler(s, rt->L);
  find_handler(s, t->co);
}

static const char *get_path(const struct wss *wss) {
  return wss->config->path ? wss->config->path : "*";
}

static size_t measure(int written, size_t size) {
  return written < 0 ? 0 : (size_t)written < size ? (size_t)written : size - 1;
}

size_t subject_name(const struct subject *s, char *text, size_t size) {
  if (!s->task) return measure(snprintf(text, size, "%s", s->name[0] ? s->name : "script"), size);
  const char *what = s->task->what, *place = s->task->place;
  bool is_started = !is_callback(s->task) && place;
  return measure(snprintf(text, size, "%s%s%s%s%s", s->name, s->name[0] ? ":" : "", what,
                          is_started ? " started at " : "", is_started ? place : ""),
                 size);
}

// ", connection 12 from 127.0.0.1"
static size_t describe_link(const struct link *link, char *text, size_t size) {
  if (!link_kind(link)->has_server) {
    const char *url = websocket_of(link)->shown_url;
    return measure(snprintf(text, size, ", client %" PRIu64 " of %s", link->id, url), size);
  }
  const char *address = connection_address(connection_of(link));
  return measure(snprintf(text, size, ", connection %" PRIu64 "%s%s", link->id,
                          address[0] ? " from " : "", address),
                 size);
}

size_t subject_describe(const struct subject *s, char *text, size_t size) {
  size_t n = subject_name(s, text, size);
  bool is_of_server = s->wss && (!s->link || s->link->state == LINK_CONNECTING);
  if (is_of_server)
    n += measure(snprintf(text + n, size - n, ", server %s", get_path(s->wss)), size - n);
  if (s->link) n += describe_link(s->link, text + n, size - n);
  if (s->worker) n += measure(snprintf(text + n, size - n, ", worker %s", s->worker), size - n);
  if (s->generation > 1)
    n += measure(snprintf(text + n, size - n, ", generation %u", s->generation), size - n);
  return n;
}

static struct log_field make_string(const char *key, const char *text) {
  return (struct log_field){.key = key, .kind = LOG_STRING, .string = text, .length = strlen(text)};
}

static struct log_field make_integer(const char *key, uint64_t number) {
  return (struct log_field){.key = key, .kind = LOG_INTEGER, .integer = (int64_t)number};
}

size_t subject_fields(const struct subject *s, struct log_field fields[SUBJECT_FIELDS_MAX]) {
  size_t n = 0;
  bool is_client = s->link && !link_kind(s->link)->has_server;
  if (s->name[0]) fields[n++] = make_string(s->task ? "handler" : "event", s->name);
  if (s->task) fields[n++] = make_string("event", s->task->what);
  if (s->task && s->task->place && !is_callback(s->task))
    fields[n++] = make_string("started", s->task->place);
  if (is_client) fields[n++] = make_string("url", websocket_of(s->link)->shown_url);
  if (s->wss) fields[n++] = make_string("server", get_path(s->wss));
  if (s->link) fields[n++] = make_integer(is_client ? "client" : "connection", s->link->id);
  if (s->link && !is_client && connection_address(connection_of(s->link))[0])
    fields[n++] = make_string("address", connection_address(connection_of(s->link)));
  if (s->worker) fields[n++] = make_string("worker", s->worker);
  if (s->generation > 1) fields[n++] = make_integer("generation", s->generation);
  return n;
}
