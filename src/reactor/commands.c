// Commands, decoded and handed to those who carry them out. Loop thread.

#include "reactor/commands.h"

#include <string.h>
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/client.h"
#include "reactor/conn.h"
#include "reactor/conn_close.h"
#include "reactor/conn_http.h"
#include "reactor/conn_out.h"
#include "reactor/conn_ws.h"
#include "reactor/endpoint.h"
#include "reactor/fanout.h"
#include "reactor/loop.h"
#include "reactor/server.h"
#include "reactor/web.h"

// What is queued before it is sent in the middle of the commands.
enum {
#ifdef LUAWS_TINY
  PIECES_MAX = 4,
  FANOUT_MAX = 64,
#else
  PIECES_MAX = 65536,
  FANOUT_MAX = 4 * 1024 * 1024, // bytes that compressed forms may be made of
#endif
};

static void reply(struct reactor *r, struct mailbox *to, uint64_t call,
                  const struct event_reply *answer) {
  struct lane *lane = lane_find(r, to);
  struct record *record = batch_push(&lane->batch, EVENT_REPLY, call, sizeof *answer);
  memcpy(record->payload, answer, sizeof *answer);
}

static void run_count(struct reactor *r, const struct record *record) {
  struct mailbox *to = ((const struct command_count *)record->payload)->reply_to;
  struct event_reply answer = {.ok = true, .count = fanout_count(r, record)};
  reply(r, to, record->id, &answer);
}

static void run_web_start(struct reactor *r, const struct record *record) {
  const struct command_web *command = (const struct command_web *)record->payload;
  struct event_reply answer = {0};
  web_start(r, command, &answer);
  reply(r, command->reply_to, record->id, &answer);
}

static void run_web_update(struct reactor *r, const struct record *record) {
  const struct command_web *command = (const struct command_web *)record->payload;
  struct event_reply answer = {0};
  answer.ok = web_update(r, command->config, &answer.err) == 0;
  reply(r, command->reply_to, record->id, &answer);
}

static void run_tls_reload(struct reactor *r, const struct record *record) {
  const struct command_web *command = (const struct command_web *)record->payload;
  struct event_reply answer = {0};
  web_reload_tls(r, command, &answer);
  reply(r, command->reply_to, record->id, &answer);
}

static void run_server_add(struct reactor *r, const struct record *record) {
  const struct command_server *command = (const struct command_server *)record->payload;
  struct event_reply answer = {0};
  endpoint_join(r, command, &answer);
  reply(r, command->reply_to, record->id, &answer);
}

static void run_server_update(struct reactor *r, const struct record *record) {
  const struct command_server *command = (const struct command_server *)record->payload;
  struct server *s = server_find(r, command->config->id);
  if (s) server_update(s, command->config);
  server_config_unref(command->config);
  reply(r, command->reply_to, record->id, &(struct event_reply){.ok = s != NULL});
}

static void run_web_unlisten(struct reactor *r, const struct record *record) {
  const struct command_unlisten *command = (const struct command_unlisten *)record->payload;
  struct web *w = web_find(r, command->web);
  if (w) web_unlisten(w);
  reply(r, command->reply_to, record->id, &(struct event_reply){.ok = true});
}

static void run_web_leave(struct reactor *r, const struct record *record) {
  const struct command_web_leave *command = (const struct command_web_leave *)record->payload;
  struct web *w = web_find(r, command->web);
  struct event_reply answer = {.ok = !w || web_leave(w, command->web)};
  reply(r, command->reply_to, record->id, &answer);
}

// Its servers and clients have gone before, in this reactor as in the others.
static void run_forget(struct reactor *r, const struct record *record) {
  struct mailbox *owner = ((const struct command_forget *)record->payload)->owner;
  struct lane *lane = lane_find(r, owner);
  for (struct list *i = r->webs.next, *next; i != &r->webs; i = next) {
    next = i->next;
    web_forget(LIST_ENTRY(i, struct web, node), lane);
  }
  lane_free(lane);
  mailbox_unref(owner);
}

static void run_web_stop(struct reactor *r, const struct record *record) {
  const struct command_close_server *command = (const struct command_close_server *)record->payload;
  struct web *w = web_find(r, record->id);
  if (!w) return;
  web_stop(w, record->id);
  web_close_servers(w, command->timeout);
}

static void run_server_close(struct reactor *r, const struct record *record) {
  const struct command_close_server *command = (const struct command_close_server *)record->payload;
  struct server *s = server_find(r, record->id);
  if (!s) return;
  if (command->is_leaving)
    endpoint_leave(s->endpoint, s, command->timeout);
  else
    endpoint_close(s->endpoint, s, command->timeout);
}

static void run_dial(struct reactor *r, const struct record *record) {
  client_new(r, ((const struct command_dial *)record->payload)->config);
}

// Nobody who has seen a 1001 may find the port open: the listeners go first.
static void stop(struct reactor *r) {
  for (struct list *i = r->webs.next; i != &r->webs; i = i->next) {
    struct web *w = LIST_ENTRY(i, struct web, node);
    if (!w->is_stopped) web_stop(w, 0);
  }
  for (struct list *i = r->webs.next, *next; i != &r->webs; i = next) {
    next = i->next;
    web_close_servers(LIST_ENTRY(i, struct web, node), CONFIG_NONE);
  }
  client_stop_all(r);
}

static void run_consumed(struct reactor *r, const struct record *record) {
  const struct command_consumed *command = (const struct command_consumed *)record->payload;
  struct lane *lane = lane_find(r, command->owner);
  lane->owed -= record->credit < lane->owed ? record->credit : lane->owed;
  lane->heard_at = reactor_now(r);
  if (lane->owed == 0) lane->epoch++;
  if (lane->owed > r->lane_window / 2) return;
  // What one of them has held back may be as much again.
  while (!list_empty(&lane->paused) && lane->owed < r->lane_window) {
    struct list *first = lane->paused.next;
    conn_ws_resume(LIST_ENTRY(first, struct conn_extra, lane_node)->conn, CONN_PAUSE_LANE);
  }
}

static void run_accept(struct conn *c, const struct record *record) {
  const struct command_accept *command = (const struct command_accept *)record->payload;
  const char *text = (const char *)(command + 1);
  struct span protocol = {text, command->protocol_length};
  struct span headers = {text + command->protocol_length, command->headers_length};
  if (c->state == CONN_ANSWERING) conn_ws_accept(c, protocol, headers);
}

static struct span reason_of(const struct command_close *command) {
  return (struct span){command->reason, command->reason_length};
}

static void run_close(struct conn *c, const struct record *record) {
  const struct command_close *command = (const struct command_close *)record->payload;
  uint64_t due = reactor_due(c->reactor, c->terms->config->close_timeout);
  if (c->state == CONN_DIALING) conn_end(c, CONN_EXIT_CLOSE, "closed before it was open");
  if (c->state == CONN_OPEN) conn_close_start(c, command->code, reason_of(command), due);
}

static void run_fail(struct conn *c, const struct record *record) {
  const struct command_close *command = (const struct command_close *)record->payload;
  if (c->state == CONN_OPEN) conn_close_cut(c, command->code, reason_of(command));
}

static void run_send(struct conn *c, struct record *record) {
  if (conn_takes_frames(c)) conn_out_queue(c, record->payload, record->length, NULL);
}

// Commands for one connection.
static void run_for_conn(struct reactor *r, struct record *record) {
  struct conn *c = registry_find(&r->registry, record->id);
  if (!c) {
    stats_add(&r->stats.undelivered, 1);
    return;
  }
  if (record->credit > 0) conn_ws_credit(c, record->credit);
  switch ((enum command_type)record->type) {
  case COMMAND_SEND: run_send(c, record); return;
  case COMMAND_ACCEPT: run_accept(c, record); return;
  case COMMAND_REFUSE:
  case COMMAND_RESPOND:
    if (c->state == CONN_ANSWERING || c->state == CONN_HANDLING) {
      conn_http_respond(c, (const struct command_respond *)record->payload);
    }
    return;
  case COMMAND_PASS:
    if (c->state == CONN_HANDLING) conn_http_pass(c);
    return;
  case COMMAND_CLOSE: run_close(c, record); return;
  case COMMAND_FAIL: run_fail(c, record); return;
  case COMMAND_FINISH: conn_close_finish(c); return;
  case COMMAND_SUBSCRIBE: fanout_subscribe(c, record); return;
  case COMMAND_UNSUBSCRIBE: fanout_unsubscribe(c, record); return;
  case COMMAND_DESTROY: conn_end(c, CONN_EXIT_DESTROY, "destroyed by the script"); return;
  case COMMAND_PING:
    conn_ws_ping(c, (struct span){(const char *)record->payload, record->length});
    return;
  default: return; // COMMAND_CREDIT: done above
  }
}

static void run(struct reactor *r, struct record *record) {
  switch ((enum command_type)record->type) {
  case COMMAND_WEB_START: run_web_start(r, record); return;
  case COMMAND_WEB_UPDATE: run_web_update(r, record); return;
  case COMMAND_TLS_RELOAD: run_tls_reload(r, record); return;
  case COMMAND_WEB_UNLISTEN: run_web_unlisten(r, record); return;
  case COMMAND_WEB_LEAVE: run_web_leave(r, record); return;
  case COMMAND_FORGET: run_forget(r, record); return;
  case COMMAND_WEB_STOP: run_web_stop(r, record); return;
  case COMMAND_SERVER_ADD: run_server_add(r, record); return;
  case COMMAND_SERVER_CLOSE: run_server_close(r, record); return;
  case COMMAND_SERVER_UPDATE: run_server_update(r, record); return;
  case COMMAND_FANOUT:
  case COMMAND_BROADCAST:
  case COMMAND_PUBLISH: fanout_run(r, record); return;
  case COMMAND_COUNT: run_count(r, record); return;
  case COMMAND_CONSUMED: run_consumed(r, record); return;
  case COMMAND_DIAL: run_dial(r, record); return;
  case COMMAND_STOP: stop(r); return;
  case COMMAND_QUIT: r->quitting = true; return;
  default: run_for_conn(r, record);
  }
}

void commands_run(struct reactor *r, struct block *block) {
  for (struct record *i = record_first(block); i; i = record_next(block, i)) {
    run(r, i);
    if (r->piece_count > PIECES_MAX || r->fanout_bytes > FANOUT_MAX) conn_out_flush_all(r);
  }
}
