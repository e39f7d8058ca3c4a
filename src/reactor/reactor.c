// The I/O thread: its loop, its turns, its end. Loop thread but for what reactor.h lists.
//
// A turn: prepare (commands, hand-over, sleep) -> poll -> check (hand-over, commands, deadlines).
// Events go out once per turn and worker, whatever the number of connections that were heard.

#include "reactor/reactor.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "net/address.h"
#include "net/wire.h"
#include "reactor/client_tls.h"
#include "reactor/commands.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/conn_out.h"
#include "reactor/conn_ws.h"
#include "reactor/dial.h"
#include "reactor/loop.h"
#include "reactor/server.h"
#include "reactor/web.h"
#include "ws/codec.h"

enum {
  ROUNDS_MAX = 8,   // of commands in one turn, so that sockets get theirs
  END_MS = 500,     // for what can't be interrupted to come back, at the end
  PUT_OFFS_MAX = 32 // turns in which only sockets are read before deadlines count all the same
};

static void on_prepare(uv_prepare_t *handle);
static void on_check(uv_check_t *handle);
static void on_mail(uv_poll_t *handle, int status, int events);
static void on_timer(uv_timer_t *handle);
static void run_deadlines(struct reactor *r);

static int init_loop(struct reactor *r) {
  int status = uv_loop_init(&r->loop);
  if (status < 0) return status;
  r->loop.data = r;
  status = tcp_poller_open(&r->poller, &r->loop);
  if (status < 0) {
    uv_loop_close(&r->loop);
    return status;
  }
  status = uv_poll_init(&r->loop, &r->mail, mailbox_fd(r->mailbox));
  if (status < 0) {
    poller_close(&r->poller);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_loop_close(&r->loop);
    return status;
  }
  uv_prepare_init(&r->loop, &r->prepare);
  uv_check_init(&r->loop, &r->check);
  uv_timer_init(&r->loop, &r->timer);
  uv_poll_start(&r->mail, UV_READABLE, on_mail);
  uv_prepare_start(&r->prepare, on_prepare);
  uv_check_start(&r->check, on_check);
  return 0;
}

// All of it but what its turns are made of. NULL: errno says why.
static struct reactor *make(unsigned index, unsigned count, struct ids *ids) {
  struct mailbox *mailbox = mailbox_new();
  if (!mailbox) return NULL;
  struct reactor *r = mem_zalloc(sizeof *r);
  r->mailbox = mailbox;
  r->index = index;
  r->count = count;
  r->ids = ids;
  r->lane_window = event_window_share(count);
  r->piece_count = 1; // index 0 means none
  registry_init(&r->registry, index);
  list_init(&r->lanes);
  list_init(&r->webs);
  list_init(&r->clients);
  list_init(&r->client_tls);
  list_init(&r->gone);
  return r;
}

struct reactor *reactor_new(unsigned index, unsigned count, struct ids *ids, struct err *err) {
  struct reactor *r = make(index, count, ids);
  int status = r ? init_loop(r) : -errno;
  if (status < 0) {
    err_set_errno(err, -status, "can't start an I/O thread");
    if (r) mailbox_unref(r->mailbox);
    mem_free(r);
    return NULL;
  }
  wheel_init(&r->wheel, uv_now(&r->loop));
  return r;
}

struct reactor *reactor_new_wired(unsigned index, struct ids *ids, struct err *err) {
  struct reactor *r = make(0, 1, ids);
  if (!r) {
    err_set_errno(err, errno, "can't make connections without a network");
    return NULL;
  }
  registry_init(&r->registry, index);
  r->wires = mem_alloc(sizeof *r->wires);
  wires_init(r->wires);
  wheel_init(&r->wheel, 0);
  return r;
}

struct mailbox *reactor_mailbox(struct reactor *r) {
  return r->mailbox;
}

const struct stats *reactor_stats(const struct reactor *r) {
  return &r->stats;
}

// Turns -------------------------------------------------------------------------------------------

// Carries out what has come. What is sent lies in the blocks, so that they are given back only
// after the flush. r->inbox keeps what is left after some rounds.
static void run_commands(struct reactor *r) {
  if (!r->inbox) r->inbox = mailbox_take(r->mailbox, NULL);
  for (int round = 0; r->inbox && round < ROUNDS_MAX; round++) {
    for (struct block *b = r->inbox; b; b = b->next)
      commands_run(r, b);
    conn_out_flush_all(r);
    lanes_flush(&r->lanes);
    r->inbox = mailbox_take(r->mailbox, r->inbox);
  }
}

static void start_timer(struct reactor *r, bool at_once) {
  uint64_t wait = at_once ? 0 : wheel_timeout(&r->wheel);
  r->due = wait == UINT64_MAX ? UINT64_MAX : r->wheel.now + wait;
  if (r->due == UINT64_MAX) {
    uv_timer_stop(&r->timer);
    return;
  }
  uint64_t now = reactor_now(r);
  uv_timer_start(&r->timer, on_timer, r->due > now ? r->due - now : 0, 0);
}

static void on_prepare(uv_prepare_t *handle) {
  struct reactor *r = handle->loop->data;
  run_commands(r);
  poller_sweep(&r->poller);
  conn_sweep(r);
  lanes_flush(&r->lanes);
  // Asleep: what is posted from here on makes mailbox_fd readable, so that the poll ends.
  bool has_more = r->inbox || r->quitting || r->has_adopted || poller_has_rest(&r->poller) ||
                  !mailbox_sleep(r->mailbox, false);
  start_timer(r, has_more);
}

// Whether sockets may hold what has not been read. After a long pause, of this thread or of the
// whole process, all deadlines are over, and what the peers have sent meanwhile lies there.
static bool has_unread(struct reactor *r) {
  bool has = poller_has_rest(&r->poller) || poller_is_full(&r->poller);
  r->put_offs = has ? r->put_offs + 1 : 0;
  return has && r->put_offs < PUT_OFFS_MAX;
}

// Deadlines are for peers that have been silent: so they come when the sockets have been read, and
// by the time at which the loop has looked at them. A process that was stopped finds that the loop
// has not looked: a signal has ended its wait.
static void on_check(uv_check_t *handle) {
  struct reactor *r = handle->loop->data;
  if (!r->has_adopted) poller_resume(&r->poller);
  lanes_flush(&r->lanes);
  run_commands(r);
  if (reactor_now(r) < r->due) return;
  if (!r->has_adopted) poller_look(&r->poller);
  if (!has_unread(r)) run_deadlines(r);
}

// The commands are taken in the check that follows; taking resets the descriptor.
static void on_mail(uv_poll_t *handle, int status, int events) {
  (void)handle;
  (void)status;
  (void)events;
}

// It only ends the wait: deadlines come in the check that follows.
static void on_timer(uv_timer_t *handle) {
  (void)handle;
}

static void on_deadline(struct conn *c) {
  switch ((enum conn_state)c->state) {
  case CONN_REQUEST:
  case CONN_HANDLING:
  case CONN_SENDING:
  case CONN_ANSWERING: conn_http_timeout(c); return;
  case CONN_DIALING: dial_timeout(c); return;
  case CONN_OPEN:
  case CONN_CLOSING: conn_ws_timeout(c); return;
  case CONN_LINGERING: conn_end(c, CONN_EXIT_CLOSE, "the peer kept its side open"); return;
  case CONN_CLOSED: return;
  }
}

static void run_deadlines(struct reactor *r) {
  struct list expired;
  list_init(&expired);
  wheel_advance(&r->wheel, reactor_now(r), &expired);
  for (struct list *node; (node = list_pop(&expired));) {
    on_deadline(LIST_ENTRY(node, struct conn, deadline.node));
  }
}

// Without a network -------------------------------------------------------------------------------

bool reactor_connect(struct reactor *r, uint64_t web, struct duplex *d,
                     const struct duplex_client *client) {
  struct web *w = web_find(r, web);
  struct address address;
  if (!w || !address_parse(client->address, client->port, &address)) return false;
  conn_accept_wire(w, d, &address, client->is_secure);
  return true;
}

bool reactor_settle(struct reactor *r) {
  bool has_commands = mailbox_pending(r->mailbox) > 0;
  run_commands(r);
  bool has_news = wires_report(r->wires);
  wires_sweep(r->wires);
  conn_sweep(r);
  lanes_flush(&r->lanes);
  return has_commands || has_news;
}

void reactor_move(struct reactor *r, uint64_t now) {
  r->now = now;
  run_deadlines(r);
}

uint64_t reactor_wait(const struct reactor *r) {
  return wheel_timeout(&r->wheel);
}

// Start and end -----------------------------------------------------------------------------------

static void destroy_conns(struct list *conns) {
  struct list all;
  list_init(&all);
  list_splice(&all, conns);
  while (!list_empty(&all)) {
    struct conn *c = LIST_ENTRY(all.next, struct conn, member);
    list_remove(&c->member);
    list_push(conns, &c->member);
    conn_end(c, CONN_EXIT_CLOSE, "shutdown");
  }
}

static void close_everything(struct reactor *r) {
  for (struct list *i = r->webs.next, *next; i != &r->webs; i = next) {
    next = i->next;
    struct web *w = LIST_ENTRY(i, struct web, node);
    if (!w->is_stopped) web_stop(w, 0);
    destroy_conns(&w->conns);
    web_close_servers(w, 0);
  }
  destroy_conns(&r->clients);
  conn_sweep(r);
  if (r->wires) wires_sweep(r->wires);
  r->has_ended = true;
}

static void close_loop(struct reactor *r) {
  poller_close(&r->poller);
  uv_close((uv_handle_t *)&r->mail, NULL);
  uv_close((uv_handle_t *)&r->prepare, NULL);
  uv_close((uv_handle_t *)&r->check, NULL);
}

static void on_end_due(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

// What is left after a while is a name that the system is looking up.
static void run_to_the_end(struct reactor *r) {
  close_loop(r);
  uv_timer_start(&r->timer, on_end_due, END_MS, 0);
  uv_unref((uv_handle_t *)&r->timer);
  uv_run(&r->loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&r->timer, NULL);
  uv_run(&r->loop, UV_RUN_NOWAIT);
}

void reactor_stand_in(struct reactor *r) {
  assert(list_empty(&r->lanes));
  r->stands_in = true;
}

bool reactor_turn(struct reactor *r, bool at_once) {
  uv_run(&r->loop, at_once ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  return !r->quitting;
}

bool reactor_has_adopted(struct reactor *r) {
  bool has_adopted = r->has_adopted;
  r->has_adopted = false;
  return has_adopted;
}

void reactor_end(struct reactor *r) {
  close_everything(r);
  if (!r->wires) run_to_the_end(r);
  assert(list_empty(&r->webs));
}

void reactor_quit(struct reactor *r) {
  struct batch batch;
  batch_init(&batch, r->mailbox);
  batch_push(&batch, COMMAND_QUIT, 0, 0);
  batch_flush(&batch);
  batch_deinit(&batch);
}

static void log_counters(const struct reactor *r) {
  struct mailbox_stats commands = mailbox_stats(r->mailbox);
  log_debug("reactor %u: %" PRIu64 " connections accepted, %" PRIu64 " commands dropped, mailbox: "
            "%" PRIu64 " blocks, %" PRIu64 " records, %" PRIu64 " wake-ups",
            r->index, atomic_load(&r->stats.accepted), atomic_load(&r->stats.undelivered),
            commands.blocks, commands.records, commands.wakeups);
  if (!r->codec) return;
  log_debug("reactor %u: %" PRIu64 " messages compressed, %" PRIu64 " decompressed", r->index,
            ws_codec_deflated(r->codec), ws_codec_inflated(r->codec));
}

// What a command owns must not be lost with it.
static void drop_block(struct block *block) {
  for (struct record *i = record_first(block); i; i = record_next(block, i)) {
    if (i->type == COMMAND_WEB_START || i->type == COMMAND_WEB_UPDATE ||
        i->type == COMMAND_TLS_RELOAD) {
      web_config_unref(((struct command_web *)i->payload)->config);
      web_group_unref(((struct command_web *)i->payload)->group);
      counted_unref(((struct command_web *)i->payload)->tls);
    } else if (i->type == COMMAND_FORGET) {
      mailbox_unref(((struct command_forget *)i->payload)->owner);
    } else if (i->type == COMMAND_DIAL) {
      client_config_unref(((struct command_dial *)i->payload)->config);
    } else if (i->type == COMMAND_SERVER_ADD || i->type == COMMAND_SERVER_UPDATE) {
      server_config_unref(((struct command_server *)i->payload)->config);
      server_group_unref(((struct command_server *)i->payload)->group);
    }
  }
}

// Gives everything back that was never carried out.
static void drop_inbox(struct reactor *r) {
  struct block *blocks = r->inbox ? r->inbox : mailbox_take(r->mailbox, NULL);
  while (blocks) {
    for (struct block *b = blocks; b; b = b->next)
      drop_block(b);
    blocks = mailbox_take(r->mailbox, blocks);
  }
}

bool reactor_free(struct reactor *r) {
  if (!r) return true;
  if (!r->has_ended) reactor_end(r); // its thread has never been started
  log_counters(r);
  drop_inbox(r);
  while (!list_empty(&r->lanes))
    lane_free(LIST_ENTRY(r->lanes.next, struct lane, node));
  registry_deinit(&r->registry);
  mailbox_unref(r->mailbox);
  mem_free(r->dirty);
  mem_free(r->pieces);
  ws_codec_free(r->codec);
  client_tls_drop(r);
  if (!r->wires && uv_loop_close(&r->loop) != 0) return false;
  mem_free(r->wires);
  mem_free(r);
  return true;
}
