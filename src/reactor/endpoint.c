// Paths and their WebSocket servers: joining, routing, closing. Loop thread.

#include "reactor/endpoint.h"

#include "base/mem.h"
#include "reactor/loop.h"
#include "reactor/server.h"
#include "reactor/web.h"

static struct endpoint *endpoint_of(struct list *node) {
  return LIST_ENTRY(node, struct endpoint, node);
}

static struct server *server_of(struct list *node) {
  return LIST_ENTRY(node, struct server, node);
}

// Who has seen a 1001 from another reactor gets no further here.
static bool is_closing(const struct endpoint *e) {
  return e->is_closing || atomic_load(&e->group->is_closing);
}

static bool matches(const struct endpoint *e, struct span path) {
  return !is_closing(e) && http_pattern_match(e->pattern, path, NULL, NULL, NULL) == 1;
}

struct endpoint *endpoint_route(const struct web *w, struct span path) {
  for (struct list *i = w->endpoints.next; i != &w->endpoints; i = i->next) {
    if (matches(endpoint_of(i), path)) return endpoint_of(i);
  }
  return NULL;
}

struct server *endpoint_pick(struct endpoint *e) {
  struct server *best = NULL;
  uint64_t fewest = UINT64_MAX;
  for (struct list *i = e->servers.next; i != &e->servers; i = i->next) {
    struct server *s = server_of(i);
    uint64_t count = atomic_load_explicit(&s->config->connections, memory_order_relaxed);
    if (s->is_leaving || count >= fewest) continue;
    best = s;
    fewest = count;
  }
  list_remove(&best->node);
  list_push(&e->servers, &best->node);
  return best;
}

// Joining -----------------------------------------------------------------------------------------

static struct endpoint *find_equal(const struct web *w, const struct http_pattern *pattern) {
  for (struct list *i = w->endpoints.next; i != &w->endpoints; i = i->next) {
    struct endpoint *e = endpoint_of(i);
    if (!is_closing(e) && http_pattern_compare(pattern, e->pattern) == 0) return e;
  }
  return NULL;
}

static struct endpoint *find_group(const struct web *w, const struct server_group *group) {
  for (struct list *i = w->endpoints.next; i != &w->endpoints; i = i->next) {
    if (endpoint_of(i)->group == group) return endpoint_of(i);
  }
  return NULL;
}

// Another worker that runs the same script.
static bool may_join(const struct endpoint *e, const struct server_config *config) {
  for (struct list *i = e->servers.next; i != &e->servers; i = i->next) {
    const struct server *s = server_of(i);
    bool is_its_own = s->config->owner == config->owner && !s->is_leaving;
    if (is_its_own || s->config->pool != config->pool) return false;
  }
  return true;
}

// Keeps the list in the order in which routing must try. An equal one is closing, or about to: this
// reactor has not heard of that yet when the first one already has.
static struct endpoint *insert_new(struct web *w, struct http_pattern *pattern,
                                   struct server_group *group) {
  struct list *at = w->endpoints.next;
  for (; at != &w->endpoints; at = at->next) {
    if (is_closing(endpoint_of(at))) continue;
    if (http_pattern_compare(pattern, endpoint_of(at)->pattern) <= 0) break;
  }
  struct endpoint *e = mem_zalloc(sizeof *e);
  e->web = w;
  e->pattern = pattern;
  e->group = server_group_ref(group);
  list_init(&e->servers);
  topics_init(&e->topics);
  list_push(at, &e->node);
  return e;
}

// The endpoint that the command's server belongs to; NULL with *err. The first reactor decides.
static struct endpoint *find_or_make(struct reactor *r, const struct command_server *command,
                                     bool *is_new, struct err *err) {
  const struct server_config *config = command->config;
  struct web *w = web_find(r, config->web);
  if (!w) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "the web server is not running");
    return NULL;
  }
  const char *why;
  struct span path = config->path ? span_of(config->path) : (struct span){NULL, 0};
  struct http_pattern *pattern = http_pattern_new(path, &why);
  if (!pattern) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "path '%s' %s", config->path, why);
    return NULL;
  }
  struct endpoint *e = r->index == 0 ? find_equal(w, pattern) : find_group(w, command->group);
  *is_new = !e;
  if (!e) return insert_new(w, pattern, command->group);
  http_pattern_free(pattern);
  if (r->index > 0 || may_join(e, config)) return e;
  if (config->path)
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "path '%s' is taken", config->path);
  else
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "another server takes every path already");
  return NULL;
}

void endpoint_join(struct reactor *r, const struct command_server *command,
                   struct event_reply *answer) {
  struct endpoint *e = find_or_make(r, command, &answer->is_first, &answer->err);
  answer->ok = e != NULL;
  if (e) {
    server_new(e, command->config);
    answer->server = server_group_ref(e->group);
    // Another member has closed it between our first reactor's answer and this one.
    if (atomic_load(&e->group->is_closing)) endpoint_close(e, NULL, CONFIG_NONE);
  }
  server_config_unref(command->config);
  server_group_unref(command->group);
}

// Closing -----------------------------------------------------------------------------------------

void endpoint_release(struct endpoint *e) {
  if (!e->is_closing || e->is_held || !list_empty(&e->servers)) return;
  struct web *w = e->web;
  list_remove(&e->node);
  http_pattern_free(e->pattern);
  topics_deinit(&e->topics);
  server_group_unref(e->group);
  mem_free(e);
  web_release(w);
}

static bool has_others(const struct endpoint *e, const struct server *s) {
  for (struct list *i = e->servers.next; i != &e->servers; i = i->next) {
    if (server_of(i) != s && !server_of(i)->is_leaving) return true;
  }
  return false;
}

void endpoint_leave(struct endpoint *e, struct server *s, uint64_t timeout) {
  if (e->is_closing || !has_others(e, s)) {
    endpoint_close(e, s, timeout);
    return;
  }
  s->is_leaving = true;
  e->is_held = true; // as there
  server_close(s, timeout);
  e->is_held = false;
  server_end_if_empty(s);
}

// Connections leave while they are gone through; nothing must go with the last one yet.
void endpoint_close(struct endpoint *e, const struct server *closer, uint64_t timeout) {
  e->is_held = true;
  for (struct list *i = e->servers.next; i != &e->servers; i = i->next) {
    struct server *s = server_of(i);
    if (s != closer && !e->is_closing)
      batch_push(&s->terms.lane->batch, EVENT_SERVER_CLOSING, s->config->id, 0);
  }
  e->is_closing = true;
  atomic_store(&e->group->is_closing, true);
  for (struct list *i = e->servers.next; i != &e->servers; i = i->next)
    server_close(server_of(i), timeout);
  for (struct list *i = e->servers.next, *next; i != &e->servers; i = next) {
    next = i->next;
    server_end_if_empty(server_of(i));
  }
  e->is_held = false;
  endpoint_release(e);
}
