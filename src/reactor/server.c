// A reactor's WebSocket servers: who may connect, and the end of their connections. Loop thread.

#include "reactor/server.h"

#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "http/origin.h"
#include "mailbox/event.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/conn_close.h"
#include "reactor/conn_ws.h"
#include "reactor/endpoint.h"
#include "reactor/loop.h"
#include "reactor/web.h"

enum { COMPLAIN_MS = 1000 };

static struct server *server_of(struct list *node) {
  return LIST_ENTRY(node, struct server, node);
}

static void set_origins(struct server *s) {
  char **origins = s->config->origins;
  s->origin_count = mem_count_strings(origins);
  s->origins = mem_alloc((s->origin_count + 1) * sizeof *s->origins);
  for (size_t i = 0; i < s->origin_count; i++)
    s->origins[i] = span_of(origins[i]);
}

struct server *server_new(struct endpoint *e, struct server_config *config) {
  struct server *s = mem_zalloc(sizeof *s);
  s->endpoint = e;
  s->config = server_config_ref(config);
  terms_init(&s->terms, &config->link, lane_find(e->web->reactor, config->owner));
  s->close_due = UINT64_MAX;
  list_init(&s->conns);
  set_origins(s);
  list_push(&e->servers, &s->node);
  return s;
}

static struct server *find_among(struct list *servers, uint64_t id) {
  for (struct list *i = servers->next; i != servers; i = i->next) {
    if (server_of(i)->config->id == id) return server_of(i);
  }
  return NULL;
}

struct server *server_find(const struct reactor *r, uint64_t id) {
  for (struct list *i = r->webs.next; i != &r->webs; i = i->next) {
    struct web *w = LIST_ENTRY(i, struct web, node);
    for (struct list *j = w->endpoints.next; j != &w->endpoints; j = j->next) {
      struct server *s = find_among(&LIST_ENTRY(j, struct endpoint, node)->servers, id);
      if (s) return s;
    }
  }
  return NULL;
}

// Who may connect ---------------------------------------------------------------------------------

static void complain_of_origin(struct server *s, struct span origin) {
  struct reactor *r = s->endpoint->web->reactor;
  if (!log_is_due(&r->origin_complained, reactor_now(r), COMPLAIN_MS)) return;
  int n = (int)(origin.n < 200 ? origin.n : 200);
  const char *path = s->config->path ? s->config->path : "any path";
  // What a client has made up must not lead anybody to allow more than this one origin.
  if (http_origin_pattern_is_valid(origin) && !memchr(origin.p, '*', origin.n))
    log_warn("refused a connection to %s from origin %.*s (to allow it: origins = { \"%.*s\" })",
             path, n, origin.p, n, origin.p);
  else
    log_warn("refused a connection to %s from origin '%.*s', which is none", path, n, origin.p);
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
  _Atomic uint64_t *count = &s->endpoint->group->connections;
  uint64_t before = atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
  if (before < s->config->max_connections) {
    atomic_fetch_add_explicit(&s->config->connections, 1, memory_order_relaxed);
    return true;
  }
  atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
  return false;
}

static void count_out(struct server *s) {
  atomic_fetch_sub_explicit(&s->endpoint->group->connections, 1, memory_order_relaxed);
  atomic_fetch_sub_explicit(&s->config->connections, 1, memory_order_relaxed);
}

int server_enter(struct server *s, struct conn *c, const char *address) {
  if (!origin_is_allowed(s, c->exchange->request)) return 403;
  if (!count_in(s)) return 503;
  uint64_t limit = s->config->max_connections_per_address;
  if (limit != CONFIG_NONE && address[0] != '\0') {
    struct addresses_entry *entry = addresses_enter(&s->endpoint->group->addresses, address, limit);
    if (!entry) {
      count_out(s);
      return 429;
    }
    conn_need_extra(c)->address = entry;
  }
  c->terms = &s->terms;
  list_remove(&c->member);
  list_push(&s->conns, &c->member);
  return 0;
}

// Another configuration ---------------------------------------------------------------------------

// Its connections here, which the old configuration has counted, are the new one's.
static void move_count(const struct server *s, struct server_config *from,
                       struct server_config *to) {
  uint64_t count = 0;
  for (struct list *i = s->conns.next; i != &s->conns; i = i->next)
    count++;
  atomic_fetch_sub_explicit(&from->connections, count, memory_order_relaxed);
  atomic_fetch_add_explicit(&to->connections, count, memory_order_relaxed);
}

void server_update(struct server *s, struct server_config *config) {
  struct server_config *old = s->config;
  move_count(s, old, config);
  s->config = server_config_ref(config);
  terms_init(&s->terms, &config->link, s->terms.lane);
  mem_free(s->origins);
  set_origins(s);
  struct list all;
  list_init(&all);
  list_splice(&all, &s->conns);
  while (!list_empty(&all)) { // one that goes on reading may end
    struct conn *c = LIST_ENTRY(all.next, struct conn, member);
    list_remove(&c->member);
    list_push(&s->conns, &c->member);
    if (c->state == CONN_OPEN || c->state == CONN_CLOSING) conn_ws_change_terms(c, &old->link);
  }
  server_config_unref(old);
}

// Closing -----------------------------------------------------------------------------------------

void server_end_if_empty(struct server *s) {
  struct endpoint *e = s->endpoint;
  if (!list_empty(&s->conns)) return;
  batch_push(&s->terms.lane->batch, EVENT_SERVER_CLOSED, s->config->id, 0);
  list_remove(&s->node);
  mem_free(s->origins);
  server_config_unref(s->config);
  mem_free(s);
  endpoint_release(e);
}

void server_leave(struct server *s, struct conn *c) {
  struct endpoint *e = s->endpoint;
  list_remove(&c->member);
  list_push(&e->web->conns, &c->member); // before the server goes: it may take the web along
  count_out(s);
  if (c->extra) {
    if (c->extra->address) addresses_leave(&e->group->addresses, c->extra->address);
    c->extra->address = NULL;
    topics_leave(&e->topics, &c->extra->subscriber);
  }
  if ((e->is_closing || s->is_leaving) && !e->is_held) server_end_if_empty(s);
}

static void close_conn(struct conn *c, uint64_t timeout, uint64_t due) {
  if (timeout == 0)
    conn_end(c, CONN_EXIT_DESTROY, "the server was closed at once");
  else if (c->state == CONN_ANSWERING)
    conn_http_refuse(c, 503, "the server is closing");
  else
    conn_close_start(c, WS_CLOSE_GOING_AWAY, (struct span){NULL, 0}, due);
}

void server_close(struct server *s, uint64_t timeout) {
  if (timeout == CONFIG_NONE) timeout = s->config->link.close_timeout;
  uint64_t due = reactor_due(s->endpoint->web->reactor, timeout);
  if (due < s->close_due) s->close_due = due; // again: only shortens
  struct list closing;
  list_init(&closing);
  list_splice(&closing, &s->conns);
  while (!list_empty(&closing)) {
    struct conn *c = LIST_ENTRY(closing.next, struct conn, member);
    list_remove(&c->member);
    list_push(&s->conns, &c->member);
    close_conn(c, timeout, s->close_due);
  }
}
