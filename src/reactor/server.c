// A reactor's WebSocket servers: who may connect, and their closing. Loop thread.

#include "reactor/server.h"

#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "http/origin.h"
#include "mailbox/event.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/conn_ws.h"
#include "reactor/loop.h"
#include "reactor/web.h"

enum { COMPLAIN_MS = 1000 };

static struct server *server_of(struct list *node) {
  return LIST_ENTRY(node, struct server, node);
}

static void set_limits(struct server *s) {
  const struct server_config *c = s->config;
  s->limits.max_payload = c->max_payload;
  s->limits.max_fragments = c->max_fragments > UINT32_MAX ? UINT32_MAX : (uint32_t)c->max_fragments;
}

static void set_origins(struct server *s) {
  char **origins = s->config->origins;
  while (origins && origins[s->origin_count])
    s->origin_count++;
  s->origins = mem_alloc((s->origin_count + 1) * sizeof *s->origins);
  for (size_t i = 0; i < s->origin_count; i++)
    s->origins[i] = span_of(origins[i]);
}

static void free_server(struct server *s) {
  struct web *w = s->web;
  list_remove(&s->node);
  http_pattern_free(s->pattern);
  addresses_deinit(&s->addresses);
  topics_deinit(&s->topics);
  mem_free(s->origins);
  server_config_unref(s->config);
  mem_free(s);
  web_release(w);
}

// Keeps the list in the order in which routing must try. ERR_TAKEN when an equal one is there.
static int insert(struct web *w, struct server *s) {
  struct list *at = w->servers.next;
  for (; at != &w->servers; at = at->next) {
    if (server_of(at)->is_closing) continue;
    int order = http_pattern_compare(s->pattern, server_of(at)->pattern);
    if (order == 0) return ERR_TAKEN;
    if (order < 0) break;
  }
  // A closing server of the same path may stand behind it: it is skipped anyway.
  list_push(at, &s->node);
  return 0;
}

int server_add(struct reactor *r, struct server_config *config, struct err *err) {
  struct web *w = web_find(r, config->web);
  const char *why = NULL;
  struct span path = config->path ? span_of(config->path) : (struct span){NULL, 0};
  struct http_pattern *pattern = w ? http_pattern_new(path, &why) : NULL;
  if (!pattern) {
    if (w)
      err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "path '%s' %s", config->path, why);
    else
      err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "the web server is not running");
    server_config_unref(config);
    return ERR_INVALID;
  }
  struct server *s = mem_zalloc(sizeof *s);
  s->web = w;
  s->config = config;
  s->pattern = pattern;
  s->lane = lane_find(r, config->owner);
  list_init(&s->node);
  list_init(&s->conns);
  addresses_init(&s->addresses);
  topics_init(&s->topics);
  set_limits(s);
  set_origins(s);
  if (insert(w, s) == 0) return 0;
  if (config->path)
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "path '%s' is taken", config->path);
  else
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "another server takes every path already");
  free_server(s);
  return ERR_TAKEN;
}

struct server *server_find(const struct reactor *r, uint64_t id) {
  for (struct list *i = r->webs.next; i != &r->webs; i = i->next) {
    struct web *w = LIST_ENTRY(i, struct web, node);
    for (struct list *j = w->servers.next; j != &w->servers; j = j->next) {
      if (server_of(j)->config->id == id) return server_of(j);
    }
  }
  return NULL;
}

struct server *server_route(const struct web *w, struct span path) {
  for (struct list *i = w->servers.next; i != &w->servers; i = i->next) {
    struct server *s = server_of(i);
    if (s->is_closing) continue;
    if (http_pattern_match(s->pattern, path, NULL, NULL, NULL) == 1) return s;
  }
  return NULL;
}

// Who may connect ---------------------------------------------------------------------------------

static void complain_of_origin(struct server *s, struct span origin) {
  struct reactor *r = s->web->reactor;
  uint64_t now = reactor_now(r);
  if (r->origin_complained != 0 && now - r->origin_complained < COMPLAIN_MS) return;
  r->origin_complained = now;
  int n = (int)(origin.n < 200 ? origin.n : 200);
  log_warn("refused a connection to %s from origin %.*s (to allow it: origins = { \"%.*s\" })",
           s->config->path ? s->config->path : "any path", n, origin.p, n, origin.p);
}

static bool origin_is_allowed(struct server *s, const struct http_request *r) {
  struct span origin = http_request_header(r, "origin");
  if (!origin.p) return true;
  bool allowed = s->config->origins
                     ? http_origin_matches(origin, s->origins, s->origin_count)
                     : http_origin_is_same_host(origin, http_request_header(r, "host"));
  if (!allowed) complain_of_origin(s, origin);
  return allowed;
}

// The count is shared by all reactors, so that it is taken first and given back when too many.
static bool count_in(struct server *s) {
  _Atomic uint64_t *count = &s->config->connections;
  uint64_t before = atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
  if (before < s->config->max_connections) return true;
  atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
  return false;
}

static void count_out(struct server *s) {
  atomic_fetch_sub_explicit(&s->config->connections, 1, memory_order_relaxed);
}

int server_enter(struct server *s, struct conn *c, const char *address) {
  if (!origin_is_allowed(s, c->exchange->request)) return 403;
  if (!count_in(s)) return 503;
  uint64_t limit = s->config->max_connections_per_address;
  if (limit != CONFIG_NONE && address[0] != '\0') {
    struct addresses_entry *entry = addresses_enter(&s->addresses, address, limit);
    if (!entry) {
      count_out(s);
      return 429;
    }
    conn_need_extra(c)->address = entry;
  }
  c->server = s;
  list_remove(&c->member);
  list_push(&s->conns, &c->member);
  return 0;
}

// Closing -----------------------------------------------------------------------------------------

static void finish_if_empty(struct server *s) {
  if (!s->is_closing || s->is_held || !list_empty(&s->conns)) return;
  batch_push(&s->lane->batch, EVENT_SERVER_CLOSED, s->config->id, 0);
  free_server(s);
}

void server_leave(struct server *s, struct conn *c) {
  list_remove(&c->member);
  list_push(&s->web->conns, &c->member); // before the server goes: it may take the web along
  count_out(s);
  if (c->extra) {
    if (c->extra->address) addresses_leave(&s->addresses, c->extra->address);
    c->extra->address = NULL;
    topics_leave(&s->topics, &c->extra->subscriber);
  }
  finish_if_empty(s);
}

static void close_conn(struct conn *c, uint64_t timeout, uint64_t due) {
  if (timeout == 0)
    conn_end(c, CONN_EXIT_DESTROY, "the server was closed at once");
  else if (c->state == CONN_ANSWERING)
    conn_http_refuse(c, 503, "the server is closing");
  else
    conn_ws_close(c, WS_CLOSE_GOING_AWAY, (struct span){NULL, 0}, due);
}

void server_close(struct server *s, uint64_t timeout) {
  struct web *w = s->web;
  if (timeout == CONFIG_NONE) timeout = s->config->close_timeout;
  uint64_t now = reactor_now(w->reactor);
  uint64_t due = timeout == CONFIG_NONE ? UINT64_MAX : now + timeout;
  if (s->is_closing && due > s->close_due) due = s->close_due;
  s->is_closing = true;
  s->close_due = due;
  // Connections leave while they are gone through; the server must not go with the last one yet.
  s->is_held = true;
  struct list closing;
  list_init(&closing);
  list_splice(&closing, &s->conns);
  while (!list_empty(&closing)) {
    struct conn *c = LIST_ENTRY(closing.next, struct conn, member);
    list_remove(&c->member);
    list_push(&s->conns, &c->member);
    close_conn(c, timeout, due);
  }
  s->is_held = false;
  finish_if_empty(s);
}
