// A web server of a script that is reloaded goes on listening, with other settings. Runs in the Lua
// thread.

#include "script/webserver_reload.h"

#include <string.h>
#include "base/err.h"
#include "mailbox/config.h"
#include "script/task.h"
#include "script/webserver_settings.h"
#include "script/wss.h"

static struct webserver *web_at(struct list *node) {
  return LIST_ENTRY(node, struct webserver, node);
}

void webserver_claim(struct runtime *rt, struct webserver *web) {
  if (rt->preparing) web->wanted = rt->preparing;
}

bool webserver_reload_is_old(const struct runtime *rt, const struct webserver *web) {
  return rt->preparing && web->scope != rt->preparing;
}

static struct webserver *find_old(struct runtime *rt, const struct web_config *asked) {
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    struct webserver *web = web_at(i);
    if (!web->is_default && web->scope == rt->generation && web->wanted != rt->preparing &&
        web->settings->port == asked->port && strcmp(web->settings->host, asked->host) == 0)
      return web;
  }
  return NULL;
}

static void push_self(lua_State *L, const struct webserver *web) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, web->ref);
}

bool webserver_reload_take_over(lua_State *L, struct webserver *fresh) {
  struct runtime *rt = runtime_of(L);
  struct webserver *old = find_old(rt, fresh->draft);
  if (!old) return false;
  rt->last_web--; // the fresh one counts for nothing
  web_config_unref(old->draft);
  old->draft = fresh->draft;
  fresh->draft = NULL;
  push_self(L, old);
  webserver_reload_stage(L, old, lua_gettop(L), 1);
  return true;
}

void webserver_reload_read_settings(lua_State *L, struct webserver *web, int index) {
  if (!web->next) web->next = webserver_settings_default(web);
  webserver_settings_read_over(L, web, web->next, index, "start");
}

void webserver_reload_stage(lua_State *L, struct webserver *web, int self_index, int index) {
  web->wanted = runtime_of(L)->preparing;
  web_config_unref(web->next);
  web->next = web->draft;
  web->draft = NULL;
  if (!lua_istable(L, index)) return;
  if (lua_getfield(L, index, "handler") == LUA_TTABLE)
    lua_setiuservalue(L, self_index, WEBSERVER_NEXT);
  else
    lua_pop(L, 1);
}

void webserver_reload_refuse(struct runtime *rt, struct webserver *web) {
  webserver_claim(rt, web);
  web->stays_put = true;
}

void webserver_reload_list_taken(struct runtime *rt, lua_State *L) {
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    lua_createtable(L, 2, 0);
    push_self(L, web_at(i));
    bool has_both = lua_getiuservalue(L, -1, WEBSERVER_HANDLER) == LUA_TTABLE;
    lua_rawseti(L, -3, 1);
    has_both = lua_getiuservalue(L, -1, WEBSERVER_NEXT) == LUA_TTABLE && has_both;
    lua_rawseti(L, -3, 2);
    lua_pop(L, 1);
    if (has_both)
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    else
      lua_pop(L, 1);
  }
}

void webserver_reload_map(struct runtime *rt, lua_State *L, void (*map)(lua_State *L)) {
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    struct webserver *web = web_at(i);
    int which = web->scope == rt->preparing ? WEBSERVER_HANDLER : WEBSERVER_NEXT;
    push_self(L, web);
    if (lua_getiuservalue(L, -1, which) == LUA_TTABLE) {
      map(L);
      lua_setiuservalue(L, -2, which);
      lua_pop(L, 1);
    } else {
      lua_pop(L, 2);
    }
  }
}

// Takes the text on top.
static void note(lua_State *L) {
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static bool is_same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_tls(const struct web_config *a, const struct web_config *b) {
  if (a->tls_count != b->tls_count) return false;
  for (size_t i = 0; i < a->tls_count; i++) {
    const struct tls_settings *x = &a->tls[i], *y = &b->tls[i];
    bool is_same = is_same_text(x->name, y->name) && is_same_text(x->cert, y->cert) &&
                   is_same_text(x->key, y->key) && is_same_text(x->ca, y->ca) &&
                   is_same_text(x->ciphers, y->ciphers) && x->min_version == y->min_version &&
                   x->verify == y->verify;
    if (!is_same) return false;
  }
  return true;
}

// `self` and its next handler take their places. What can't be is undone.
static bool apply(lua_State *L, struct webserver *web, struct err *err) {
  struct web_config *old = web->settings;
  bool is_tls_new = !is_same_tls(old, web->next);
  web_config_unref(web->draft);
  web->draft = web->next;
  web->next = NULL;
  if (is_tls_new && !webserver_change_tls(L, web, err)) return false;
  push_self(L, web);
  int self = lua_gettop(L);
  lua_getiuservalue(L, self, WEBSERVER_HANDLER);
  lua_getiuservalue(L, self, WEBSERVER_NEXT);
  lua_setiuservalue(L, self, WEBSERVER_HANDLER);
  web->settings = web->draft;
  web->draft = NULL;
  bool ok = webserver_update(L, web, self, err);
  if (ok) {
    web_config_unref(old);
  } else {
    lua_setiuservalue(L, self, WEBSERVER_HANDLER);
    web->draft = web->settings;
    web->settings = old;
  }
  lua_settop(L, self - 1);
  return ok;
}

static void forget_next(lua_State *L, struct webserver *web) {
  web_config_unref(web->next);
  web->next = NULL;
  web->stays_put = false;
  push_self(L, web);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, WEBSERVER_NEXT);
  lua_pop(L, 1);
}

static void go_on(struct runtime *rt, lua_State *L, struct webserver *web) {
  struct err err;
  bool is_refused = web->stays_put;
  web->scope = rt->preparing;
  if (is_refused) {
    lua_pushfstring(L,
                    "%s goes on with its settings: host, port and whether it speaks TLS can't "
                    "change while it runs",
                    webserver_push_url(L, web, "http", "/"));
    lua_remove(L, -2);
    note(L);
  } else if (web->next && !apply(L, web, &err)) {
    lua_pushfstring(L, "%s goes on with its settings: %s", webserver_push_url(L, web, "http", "/"),
                    err.text);
    lua_remove(L, -2);
    note(L);
  }
  forget_next(L, web);
}

// Whether WebSocket servers stay on it: such as callbacks have made.
static bool is_used(const struct runtime *rt, const struct webserver *web) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    const struct wss *wss = LIST_ENTRY(i, struct wss, node);
    if (wss->web == web && wss->state == WSS_OPEN && wss->scope != rt->generation) return true;
  }
  return false;
}

static bool will_stay(const struct runtime *rt, const struct webserver *web) {
  return web->scope != rt->generation || web->wanted == rt->preparing || is_used(rt, web);
}

void webserver_reload_keep(struct runtime *rt) {
  for (struct list *i = rt->webservers.next; i != &rt->webservers; i = i->next) {
    if (will_stay(rt, web_at(i))) atomic_store(&web_at(i)->group->kept_in, rt->reload_round);
  }
}

static void drop(struct runtime *rt, struct webserver *web) {
  if (atomic_load(&web->group->kept_in) == rt->reload_round)
    webserver_leave(rt, web, CONFIG_NONE);
  else
    webserver_stop(rt, web, CONFIG_NONE);
}

void webserver_reload_commit(struct runtime *rt, lua_State *L) {
  for (struct list *i = rt->webservers.next, *next; i != &rt->webservers; i = next) {
    next = i->next;
    struct webserver *web = web_at(i);
    if (web->is_unannounced) webserver_announce_open(L, web);
    if (web->scope != rt->generation) continue;
    if (will_stay(rt, web))
      go_on(rt, L, web);
    else
      drop(rt, web);
  }
}

void webserver_reload_rollback(struct runtime *rt) {
  for (struct list *i = rt->webservers.next, *next; i != &rt->webservers; i = next) {
    next = i->next;
    struct webserver *web = web_at(i);
    web->wanted = 0;
    if (web->scope == rt->preparing)
      webserver_leave(rt, web, 0);
    else
      forget_next(rt->L, web);
  }
}
