// A reactor's clients: their beginning and their end. Loop thread.

#include "reactor/client.h"

#include "base/mem.h"
#include "mailbox/event.h"
#include "reactor/conn.h"
#include "reactor/conn_close.h"
#include "reactor/dial.h"
#include "reactor/loop.h"

static void tell_dialed(struct conn *c) {
  struct record *r =
      batch_push(&c->terms->lane->batch, EVENT_DIALED, c->handle, sizeof(struct event_dialed));
  _Atomic uint64_t *taken = registry_taken(&c->reactor->registry, c->handle);
  *(struct event_dialed *)r->payload = (struct event_dialed){
      .client = c->id,
      .taken = taken,
      .taken_before = atomic_load_explicit(taken, memory_order_relaxed),
  };
}

void client_new(struct reactor *r, struct client_config *config) {
  struct client *client = mem_zalloc(sizeof *client);
  client->config = config;
  terms_init(&client->terms, &config->link, lane_find(r, config->owner));
  client->terms.is_client = true;
  struct conn *c = conn_new(r, CONN_DIALING);
  c->id = config->id;
  c->terms = &client->terms;
  c->handle = registry_add(&r->registry, c);
  list_push(&r->clients, &c->member);
  tell_dialed(c);
  if (r->is_stopping)
    conn_end(c, CONN_EXIT_CLOSE, "shutdown");
  else
    dial_start(c);
}

void client_leave(struct terms *terms) {
  struct client *client = client_of_terms(terms);
  dial_free(client->dial);
  client_config_unref(client->config);
  mem_free(client);
}

static void stop_one(struct conn *c) {
  if (!c->terms) return; // it lingers
  uint64_t due = reactor_due(c->reactor, c->terms->config->close_timeout);
  if (c->state == CONN_DIALING)
    conn_end(c, CONN_EXIT_CLOSE, "shutdown");
  else
    conn_close_start(c, WS_CLOSE_GOING_AWAY, (struct span){NULL, 0}, due);
}

void client_stop_all(struct reactor *r) {
  struct list all;
  r->is_stopping = true;
  list_init(&all);
  list_splice(&all, &r->clients);
  while (!list_empty(&all)) {
    struct conn *c = LIST_ENTRY(all.next, struct conn, member);
    list_remove(&c->member);
    list_push(&r->clients, &c->member);
    stop_one(c);
  }
}
