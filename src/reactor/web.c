// A reactor's web servers. Loop thread.

#include "reactor/web.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "http/proxies.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/endpoint.h"
#include "reactor/loop.h"

static struct web *web_of(struct listener *l) {
  return LIST_ENTRY(l, struct web, listener);
}

// Who has seen a 1001 from another reactor gets no further here.
static void on_accept(struct listener *l, int fd, const struct address *peer) {
  struct web *w = web_of(l);
  if (atomic_load(&w->group->is_stopped))
    close(fd);
  else
    conn_accept(w, fd, peer);
}

static void on_listener_closed(struct listener *l) {
  struct web *w = web_of(l);
  w->is_listening = false;
  web_release(w);
}

static int open_root(const struct web_config *config, struct files_root *root, struct err *err) {
  *root = (struct files_root){.fd = -1};
  return config->root ? files_root_open(root, config->root, err) : 0;
}

static struct http_proxies *make_proxies(const struct web_config *config) {
  return config->trust_proxy ? http_proxies_new(config->trust_proxy) : NULL;
}

// The first reactor reads the certificates, the others are given what it has made of them. 0, or
// negative with *err.
static int open_tls(const struct reactor *r, const struct command_web *command,
                    struct tls_context **tls, struct err *err) {
  const struct web_config *config = command->config;
  *tls = NULL;
  if (r->index > 0)
    *tls = tls_context_of(counted_ref(command->tls));
  else if (config->tls_count > 0)
    *tls = tls_context_new_server(config->tls, config->tls_count, err);
  return *tls || config->tls_count == 0 ? 0 : ERR_INVALID;
}

static struct web_member *find_member(const struct web *w, uint64_t id) {
  for (struct list *i = w->members.next; i != &w->members; i = i->next) {
    struct web_member *m = LIST_ENTRY(i, struct web_member, node);
    if (m->id == id) return m;
  }
  return NULL;
}

struct web *web_find(const struct reactor *r, uint64_t id) {
  for (struct list *i = r->webs.next; i != &r->webs; i = i->next) {
    struct web *w = LIST_ENTRY(i, struct web, node);
    if (!w->is_stopped && find_member(w, id)) return w;
  }
  return NULL;
}

struct web_member *web_pick(struct web *w) {
  for (struct list *i = w->members.next; i != &w->members; i = i->next) {
    struct web_member *m = LIST_ENTRY(i, struct web_member, node);
    if (!m->has_handler) continue;
    list_remove(&m->node);
    list_push(&w->members, &m->node);
    return m;
  }
  return NULL;
}

// Starting ----------------------------------------------------------------------------------------

static bool is_at_same_place(const struct web *w, const struct web_config *config) {
  const struct web_config *first = w->first;
  return (config->port == first->port || config->port == w->group->port) &&
         strcmp(first->host, config->host) == 0;
}

static bool is_guest(const struct web *w, const struct web_config *config) {
  return w->first->pool != config->pool;
}

// The same web server of the same script; or the process's default one, with whatever settings it
// has.
static bool may_join(const struct web *w, const struct web_config *config) {
  const struct web_config *first = w->first;
  if (is_guest(w, config)) return first->is_default && config->is_default;
  return first->ordinal == config->ordinal && first->port == config->port &&
         strcmp(first->host, config->host) == 0;
}

// The first reactor decides; the others do what it has answered.
static struct web *find_joined(struct reactor *r, const struct command_web *command) {
  for (struct list *i = r->webs.next; i != &r->webs; i = i->next) {
    struct web *w = LIST_ENTRY(i, struct web, node);
    if (w->is_stopped || atomic_load(&w->group->is_stopped)) continue;
    if (r->index == 0 ? may_join(w, command->config) : w->group == command->group) return w;
  }
  return NULL;
}

// Where the first reactor listens by now.
static struct web_group *make_group(const struct web *w) {
  const char *host = w->config->host;
  char text[LISTENER_HOST_MAX];
  if (!address_unix_path(host)) {
    listener_host(&w->listener, text);
    host = text;
  }
  return web_group_new(mem_dup_string(host), w->listener.port, w->config);
}

static int listen_first(struct web *w, struct err *err) {
  if (w->reactor->wires) { // those that connect are brought to it
    w->group = web_group_new(mem_dup_string("wire"), 0, w->config);
    return 0;
  }
  bool is_alone = w->reactor->count == 1 || address_unix_path(w->config->host);
  int result = listener_open(&w->listener, &w->reactor->loop, w->config->host, w->config->port,
                             is_alone ? LISTENER_ALONE : LISTENER_FIRST, err);
  if (result != 0) return result;
  w->is_listening = true;
  w->group = make_group(w);
  w->listener.complained = &w->group->complained;
  return 0;
}

// A unix socket has one acceptor.
static int listen_next(struct web *w, struct web_group *group, struct err *err) {
  w->group = web_group_ref(group);
  if (atomic_load(&group->is_stopped)) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "the web server is not running");
    return ERR_CLOSED;
  }
  if (address_unix_path(group->host)) return 0;
  int result =
      listener_open(&w->listener, &w->reactor->loop, group->host, group->port, LISTENER_NEXT, err);
  w->is_listening = result == 0;
  w->listener.complained = &group->complained;
  return result;
}

static void free_web(struct web *w) {
  while (!list_empty(&w->members)) {
    struct web_member *m = LIST_ENTRY(list_pop(&w->members), struct web_member, node);
    mem_free(m);
  }
  files_root_close(&w->root);
  http_proxies_free(w->proxies);
  counted_unref(tls_context_counted(w->tls));
  web_config_unref(w->first);
  web_config_unref(w->config);
  web_group_unref(w->group);
  mem_free(w);
}

static struct web *open_web(struct reactor *r, const struct command_web *command, struct err *err) {
  struct web *w = mem_zalloc(sizeof *w);
  w->reactor = r;
  w->first = web_config_ref(command->config);
  w->config = web_config_ref(command->config);
  list_init(&w->node);
  list_init(&w->members);
  list_init(&w->endpoints);
  list_init(&w->conns);
  w->proxies = make_proxies(w->config);
  w->listener.fd = -1;
  w->listener.on_accept = on_accept;
  w->listener.on_closed = on_listener_closed;
  int result = open_root(w->config, &w->root, err);
  if (result == 0) result = open_tls(r, command, &w->tls, err);
  if (result == 0)
    result = r->index == 0 ? listen_first(w, err) : listen_next(w, command->group, err);
  if (result == 0) {
    list_push(&r->webs, &w->node);
    return w;
  }
  free_web(w);
  return NULL;
}

static void add_member(struct web *w, const struct web_config *config) {
  struct web_member *m = mem_zalloc(sizeof *m);
  m->id = config->id;
  m->lane = lane_find(w->reactor, config->owner);
  m->has_handler = config->has_handler && !is_guest(w, config);
  list_push(&w->members, &m->node);
}

static bool check_place(const struct web *w, const struct web_config *config, struct err *err) {
  if (!is_guest(w, config) || !config->is_placed || is_at_same_place(w, config)) return true;
  err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "already running on %s, port %u, by another worker",
          w->group->name, w->group->port);
  return false;
}

void web_start(struct reactor *r, const struct command_web *command, struct event_reply *answer) {
  struct web *w = find_joined(r, command);
  answer->is_first = !w;
  if (!w) w = open_web(r, command, &answer->err);
  answer->ok = w && check_place(w, command->config, &answer->err);
  if (answer->ok) {
    add_member(w, command->config);
    answer->is_guest = is_guest(w, command->config);
    answer->web = web_group_ref(w->group);
    if (r->index == 0) answer->tls = counted_ref(tls_context_counted(w->tls));
  }
  web_config_unref(command->config);
  web_group_unref(command->group);
  counted_unref(command->tls);
}

void web_reload_tls(struct reactor *r, const struct command_web *command,
                    struct event_reply *answer) {
  struct web *w = web_find(r, command->config->id);
  struct tls_context *tls = NULL;
  if (!w) {
    err_set(&answer->err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "the web server is not running");
  } else if (open_tls(r, command, &tls, &answer->err) == 0) {
    counted_unref(tls_context_counted(w->tls));
    w->tls = tls;
    answer->ok = true;
    if (r->index == 0) answer->tls = counted_ref(tls_context_counted(tls));
  }
  web_config_unref(command->config);
  counted_unref(command->tls);
}

int web_update(struct reactor *r, struct web_config *config, struct err *err) {
  struct web *w = web_find(r, config->id);
  struct files_root root;
  int result = ERR_CLOSED;
  if (w)
    result = open_root(config, &root, err);
  else
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "the web server is not running");
  if (result != 0) {
    web_config_unref(config);
    return result;
  }
  files_root_close(&w->root);
  w->root = root;
  http_proxies_free(w->proxies);
  w->proxies = make_proxies(config);
  web_config_unref(w->config);
  w->config = config;
  find_member(w, config->id)->has_handler = config->has_handler;
  return 0;
}

// Idle connections are closed; a response that is under way ends with it, since goes_on
// (conn_http) asks is_stopped.
static void close_idle(struct web *w) {
  struct list closing;
  list_init(&closing);
  list_splice(&closing, &w->conns);
  while (!list_empty(&closing)) {
    struct conn *c = LIST_ENTRY(closing.next, struct conn, member);
    list_remove(&c->member);
    list_push(&w->conns, &c->member);
    if (c->state == CONN_REQUEST) conn_end(c, CONN_EXIT_CLOSE, "the web server was stopped");
  }
}

void web_unlisten(struct web *w) {
  atomic_store(&w->group->is_stopped, true);
  if (w->listener.fd >= 0) listener_close(&w->listener);
}

void web_stop(struct web *w, uint64_t stopper) {
  w->is_stopped = true;
  for (struct list *i = w->members.next; i != &w->members; i = i->next) {
    struct web_member *m = LIST_ENTRY(i, struct web_member, node);
    if (m->id != stopper) batch_push(&m->lane->batch, EVENT_WEB_STOPPED, m->id, 0);
  }
  web_unlisten(w);
  close_idle(w);
}

// An onRequest that will never answer.
static void answer_for(struct web *w, const struct lane *lane) {
  for (struct list *i = w->conns.next, *next; i != &w->conns; i = next) {
    next = i->next;
    struct conn *c = LIST_ENTRY(i, struct conn, member);
    if (c->state == CONN_HANDLING && c->exchange->asked == lane)
      conn_http_refuse(c, 503, "the script has ended");
  }
}

static void remove_member(struct web_member *m) {
  list_remove(&m->node);
  mem_free(m);
}

bool web_leave(struct web *w, uint64_t id) {
  struct web_member *m = find_member(w, id);
  bool is_last = w->members.next == w->members.prev;
  if (w->reactor->index == 0 && is_last) {
    web_unlisten(w);
    return false;
  }
  answer_for(w, m->lane);
  remove_member(m);
  return true;
}

void web_forget(struct web *w, const struct lane *lane) {
  w->is_held = true;
  answer_for(w, lane);
  for (struct list *i = w->members.next, *next; i != &w->members; i = next) {
    next = i->next;
    struct web_member *m = LIST_ENTRY(i, struct web_member, node);
    if (m->lane == lane) remove_member(m);
  }
  w->is_held = false;
  web_release(w);
}

void web_close_servers(struct web *w, uint64_t timeout) {
  w->is_held = true;
  for (struct list *i = w->endpoints.next, *next; i != &w->endpoints; i = next) {
    next = i->next;
    endpoint_close(LIST_ENTRY(i, struct endpoint, node), NULL, timeout);
  }
  w->is_held = false;
  web_release(w);
}

void web_release(struct web *w) {
  if (!w->is_stopped || w->is_listening || w->is_held) return;
  if (!list_empty(&w->conns) || !list_empty(&w->endpoints)) return;
  list_remove(&w->node);
  free_web(w);
}
