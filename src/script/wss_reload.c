// A server of a script that is reloaded goes on under the same object, with another handler and
// other options. Runs in the Lua thread.

#include "script/wss_reload.h"

#include <lauxlib.h>
#include <string.h>
#include "script/args.h"
#include "script/budget.h"
#include "script/connection.h"
#include "script/reload.h"
#include "script/task.h"
#include "script/webserver_reload.h"
#include "script/wss.h"

static struct wss *wss_at(struct list *node) {
  return LIST_ENTRY(node, struct wss, node);
}

// The servers that callbacks have made are nobody's to take over.
static struct wss *find_old(struct runtime *rt, const struct wss *fresh) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = wss_at(i);
    if (wss->state == WSS_OPEN && wss->scope == rt->generation && wss->web == fresh->web &&
        http_pattern_compare(wss->pattern, fresh->pattern) == 0)
      return wss;
  }
  return NULL;
}

bool wss_reload_take_over(lua_State *L, struct wss *fresh) {
  struct runtime *rt = runtime_of(L);
  struct wss *old = find_old(rt, fresh);
  if (!old) return false;
  if (old->next) {
    wss_push_name(L, old);
    args_error(L, "WebSocketServer.new: %s is taken", lua_tostring(L, -1));
  }
  webserver_claim(rt, old->web);
  old->next = fresh->config;
  old->next_pattern = fresh->pattern;
  old->next_data = fresh->data;
  fresh->config = NULL;
  fresh->pattern = NULL;
  wss_push(L, old);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, WSS_NEXT);
  return true;
}

void wss_reload_list_taken(struct runtime *rt, lua_State *L) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    if (!wss_at(i)->next) continue;
    lua_createtable(L, 2, 0);
    wss_push(L, wss_at(i));
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, 1);
    lua_getiuservalue(L, -1, WSS_NEXT);
    lua_rawseti(L, -3, 2);
    lua_pop(L, 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}

static bool will_stay(const struct runtime *rt, const struct wss *wss) {
  bool is_dropped = rt->preparing && wss->scope == rt->generation && !wss->next;
  return wss->state == WSS_OPEN && !is_dropped;
}

void wss_reload_list(struct runtime *rt, lua_State *L) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    if (!will_stay(rt, wss_at(i))) continue;
    wss_push(L, wss_at(i));
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}

void wss_reload_map(struct runtime *rt, lua_State *L, void (*map)(lua_State *L)) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = wss_at(i);
    bool is_new = wss->scope == rt->preparing;
    if (!is_new && !wss->next) continue;
    int which = is_new ? WSS_HANDLER : WSS_NEXT;
    wss_push(L, wss);
    lua_getiuservalue(L, -1, which);
    map(L);
    lua_setiuservalue(L, -2, which);
    lua_pop(L, 1);
    if (is_new && wss->opening) task_map_stack(wss->opening, L, map);
  }
}

static bool is_same_compression(const struct compression *a, const struct compression *b) {
  return a->on == b->on && a->context_takeover == b->context_takeover && a->level == b->level &&
         a->window_bits == b->window_bits && a->mem_level == b->mem_level &&
         a->threshold == b->threshold;
}

// Adds a note; `name` is on the stack, above the notes, and is taken.
static void note(lua_State *L, const char *format, const char *name) {
  lua_pushfstring(L, format, name);
  lua_remove(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void note_compression(lua_State *L, const struct wss *wss) {
  const struct compression *old = &wss->config->link.compression;
  if (list_empty(&wss->connections) || is_same_compression(old, &wss->next->link.compression))
    return;
  note(L, "%s: the new compression counts for new connections only", wss_push_name(L, wss));
}

static void change_data(struct wss *wss, uint8_t data) {
  if (wss->data == data) return;
  wss->data = data;
  for (struct list *i = wss->connections.next; i != &wss->connections; i = i->next)
    LIST_ENTRY(i, struct connection, node)->link.data = data;
}

static void go_on(struct runtime *rt, lua_State *L, struct wss *wss) {
  note_compression(L, wss);
  wss_push(L, wss);
  lua_getiuservalue(L, -1, WSS_NEXT);
  lua_setiuservalue(L, -2, WSS_HANDLER);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, WSS_NEXT);
  lua_pop(L, 1);
  http_pattern_free(wss->pattern);
  wss->pattern = wss->next_pattern;
  wss->next_pattern = NULL;
  struct server_config *config = wss->next;
  wss->next = NULL;
  wss->scope = rt->preparing;
  change_data(wss, wss->next_data);
  budget_note_limit(rt, config->handler_timeout);
  wss_change_config(rt, wss, config);
}

void wss_reload_keep(struct runtime *rt) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    if (will_stay(rt, wss_at(i))) atomic_store(&wss_at(i)->group->kept_in, rt->reload_round);
  }
}

static void drop(struct runtime *rt, lua_State *L, struct wss *wss) {
  if (wss->state != WSS_OPEN) return;
  if (atomic_load(&wss->group->kept_in) == rt->reload_round) {
    note(L, "%s goes on in other workers", wss_push_name(L, wss));
    wss_leave(rt, wss);
  } else {
    note(L, "%s is closed: the new script doesn't make it", wss_push_name(L, wss));
    wss_terminate(rt, wss, CONFIG_NONE);
  }
}

void wss_reload_commit(struct runtime *rt, lua_State *L) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = wss_at(i);
    if (wss->next && wss->state == WSS_OPEN)
      go_on(rt, L, wss);
    else if (wss->scope == rt->generation)
      drop(rt, L, wss);
    else if (wss->is_unannounced)
      wss_announce(L, wss);
  }
}

static void forget_next(lua_State *L, struct wss *wss) {
  server_config_unref(wss->next);
  http_pattern_free(wss->next_pattern);
  wss->next = NULL;
  wss->next_pattern = NULL;
  wss_push(L, wss);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, WSS_NEXT);
  lua_pop(L, 1);
}

void wss_reload_rollback(struct runtime *rt) {
  for (struct list *i = rt->wsses.next, *next; i != &rt->wsses; i = next) {
    next = i->next;
    struct wss *wss = wss_at(i);
    if (wss->next) forget_next(rt->L, wss);
    if (wss->scope == rt->preparing) wss_drop(rt, wss);
  }
}
