// A reactor's web servers. Loop thread.

#include "reactor/web.h"

#include <stddef.h>
#include "base/mem.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/loop.h"
#include "reactor/server.h"

static struct web *web_of(struct listener *l) {
  return LIST_ENTRY(l, struct web, listener);
}

static void on_accept(struct listener *l, int fd, const struct address *peer) {
  conn_accept(web_of(l), fd, peer);
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

// The first reactor's listener opens the port to the others'. A unix socket has that one alone.
static int start_listening(struct web *w, struct err *err) {
  struct reactor *r = w->reactor;
  bool is_unix = address_unix_path(w->config->host) != NULL;
  if (is_unix && r->index > 0) return 0;
  enum listener_share share = r->index > 0 ? LISTENER_NEXT : LISTENER_FIRST;
  if (is_unix || r->count == 1) share = LISTENER_ALONE;
  int result = listener_open(&w->listener, &r->loop, w->config->host, w->config->port, share, err);
  w->is_listening = result == 0;
  return result;
}

int web_start(struct reactor *r, struct web_config *config, uint16_t *port, struct err *err) {
  struct web *w = mem_zalloc(sizeof *w);
  w->reactor = r;
  w->config = config;
  list_init(&w->node);
  list_init(&w->servers);
  list_init(&w->conns);
  w->listener.on_accept = on_accept;
  w->listener.on_closed = on_listener_closed;
  int result = open_root(config, &w->root, err);
  if (result == 0) result = start_listening(w, err);
  if (result != 0) {
    files_root_close(&w->root);
    web_config_unref(config);
    mem_free(w);
    return result;
  }
  w->lane = lane_find(r, config->owner);
  *port = w->listener.port;
  list_push(&r->webs, &w->node);
  return 0;
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
  web_config_unref(w->config);
  w->config = config;
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

void web_stop(struct web *w) {
  w->is_stopped = true;
  if (w->is_listening) listener_close(&w->listener);
  close_idle(w);
}

void web_close_servers(struct web *w, uint64_t timeout) {
  w->is_held = true;
  for (struct list *i = w->servers.next, *next; i != &w->servers; i = next) {
    next = i->next;
    server_close(LIST_ENTRY(i, struct server, node), timeout);
  }
  w->is_held = false;
  web_release(w);
}

struct web *web_find(const struct reactor *r, uint64_t id) {
  for (struct list *i = r->webs.next; i != &r->webs; i = i->next) {
    struct web *w = LIST_ENTRY(i, struct web, node);
    if (w->config->id == id && !w->is_stopped) return w;
  }
  return NULL;
}

void web_release(struct web *w) {
  if (!w->is_stopped || w->is_listening || w->is_held) return;
  if (!list_empty(&w->conns) || !list_empty(&w->servers)) return;
  list_remove(&w->node);
  files_root_close(&w->root);
  web_config_unref(w->config);
  mem_free(w);
}
