// Connections without a network: rest, and the clock. Runs in the Lua thread.

#include "script/wired.h"

#include <assert.h>
#include "base/mem.h"
#include "script/peer.h"
#include "script/task.h"
#include "script/webserver.h"
#include "script/wss.h"
#include "ws/codec.h"

enum {
  // Turns in a row without rest, in which something must be going round in a circle. A message to
  // a handler takes three.
  TURNS_MAX = 10000,
};

struct wired {
  struct runtime *rt;
  const struct worker_wired *functions;
  struct reactor *reactor;
  uint64_t now;    // ms
  uint64_t target; // where those who wait want it to be
  bool is_hasty;   // but no further than to what is due next
  struct wheel wheel;
  struct list due;     // struct deadline.timer.node: at this very moment
  struct list resting; // struct task.turn
  struct list peers;   // struct peer.node
  struct ws_codec *codec;
  unsigned turns; // since the last rest
  bool is_restless;
};

// outgoing_set_help's: the reactor never waits for anybody.
static bool help(void *context) {
  wired_settle(context);
  return true;
}

struct wired *wired_open(struct runtime *rt, struct err *err) {
  if (rt->wired) return rt->wired;
  const struct worker_wired *functions = rt->options->wired;
  if (!functions) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "there are none here");
    return NULL;
  }
  struct reactor *reactor = functions->open(rt->reactor_count, rt->options->ids, err);
  if (!reactor) return NULL;
  struct wired *w = mem_zalloc(sizeof *w);
  w->rt = rt;
  w->functions = functions;
  w->reactor = reactor;
  wheel_init(&w->wheel, 0);
  list_init(&w->due);
  list_init(&w->resting);
  list_init(&w->peers);
  outgoing_init(&rt->outgoing[rt->reactor_count], functions->mailbox(reactor), rt->mailbox,
                event_window_share(1));
  outgoing_set_help(&rt->outgoing[rt->reactor_count], help, w);
  rt->outgoing_count = rt->reactor_count + 1;
  return rt->wired = w;
}

void wired_free(struct wired *w) {
  if (!w) return;
  w->functions->free(w->reactor);
  ws_codec_free(w->codec);
  mem_free(w);
}

uint64_t wired_now(const struct wired *w) {
  return w->now;
}

// The wheel counts what is due now as due in a millisecond.
void wired_start_deadline(struct wired *w, struct deadline *d, uint64_t due) {
  if (due > w->now) {
    wheel_start(&w->wheel, &d->timer, due);
    return;
  }
  wheel_stop(&d->timer);
  list_push(&w->due, &d->timer.node);
}

bool wired_connect(struct wired *w, uint64_t web, struct duplex *d,
                   const struct duplex_client *client) {
  return w->functions->connect(w->reactor, web, d, client);
}

struct list *wired_peers(struct wired *w) {
  return &w->peers;
}

struct ws_codec *wired_codec(struct wired *w) {
  if (!w->codec) w->codec = ws_codec_new();
  return w->codec;
}

void wired_settle(struct wired *w) {
  while (w->functions->settle(w->reactor))
    ;
}

// Rest --------------------------------------------------------------------------------------------

static bool look_at_peers(struct wired *w) {
  bool has_news = false;
  for (struct list *i = w->peers.next, *next; i != &w->peers; i = next) {
    next = i->next;
    has_news = peer_look(w->rt, LIST_ENTRY(i, struct peer, node)) || has_news;
  }
  return has_news;
}

// What is started meanwhile for the same moment comes in the next turn.
static bool run_due(struct wired *w) {
  struct list now;
  list_init(&now);
  list_splice(&now, &w->due);
  bool has_some = !list_empty(&now);
  while (!list_empty(&now)) {
    struct deadline *d = LIST_ENTRY(now.next, struct deadline, timer.node);
    wheel_stop(&d->timer);
    d->on_due(w->rt, d);
  }
  return has_some;
}

static bool is_at_rest(struct wired *w) {
  struct runtime *rt = w->rt;
  return list_empty(&rt->ready) && list_empty(&rt->held) && list_empty(&w->due) && !rt->inbox &&
         batch_is_empty(&rt->outgoing[rt->reactor_count].batch) && !runtime_receive(rt);
}

static uint64_t wait_for_next(const struct wired *w) {
  uint64_t script = wheel_timeout(&w->wheel), reactor = w->functions->wait(w->reactor);
  return script < reactor ? script : reactor;
}

// To the next moment at which anything may be due, or to the target. The reactor's deadlines come
// before the script's. False: nothing of the script's is due so soon, and that is what was asked
// for.
static bool move(struct wired *w) {
  uint64_t wait = wait_for_next(w), left = w->target - w->now;
  if (w->is_hasty && wheel_timeout(&w->wheel) > left) return false;
  w->now += wait < left ? wait : left;
  if (w->is_hasty) w->target = w->now;
  w->functions->move(w->reactor, w->now);
  wheel_advance(&w->wheel, w->now, &w->due);
  wired_settle(w);
  return true;
}

// The end of the program waits for nobody's test: time runs as fast as it can while servers of
// this kind have to end.
static void hurry(struct wired *w) {
  uint64_t wait = wait_for_next(w);
  bool has_servers = false;
  for (struct list *i = w->rt->wsses.next; i != &w->rt->wsses && !has_servers; i = i->next)
    has_servers = LIST_ENTRY(i, struct wss, node)->web->is_wired;
  if (has_servers && wait != UINT64_MAX) w->target = w->now + wait;
}

static void wake_all(struct wired *w, bool is_rest) {
  while (!list_empty(&w->resting)) {
    if (is_rest)
      task_serve(w->rt, &w->resting);
    else
      task_wake(w->rt, LIST_ENTRY(list_pop(&w->resting), struct task, turn));
  }
  w->target = w->now;
  w->is_hasty = false;
  w->turns = 0;
}

// Something never rests. Time goes on all the same where that is wished: it may end it.
static void give_up(struct wired *w) {
  w->turns = 0;
  if (w->target <= w->now || !move(w)) wake_all(w, false);
}

void wired_turn(struct wired *w) {
  w->is_restless = true;
  if (list_empty(&w->resting)) w->target = w->now; // who wanted it to move has been called off
  if (look_at_peers(w)) wired_settle(w);
  bool has_run = run_due(w);
  if (has_run || !is_at_rest(w)) {
    if (++w->turns > TURNS_MAX) give_up(w);
    return;
  }
  if (w->rt->phase == PHASE_STOPPING) hurry(w);
  if (w->target > w->now && move(w)) return;
  w->is_restless = false;
  wake_all(w, true);
}

bool wired_is_restless(const struct wired *w) {
  return w->is_restless;
}

static void await_rest(struct wired *w, struct task *t, uint64_t ms, bool is_hasty) {
  uint64_t from = w->target > w->now ? w->target : w->now;
  w->target = ms < UINT64_MAX - from ? from + ms : UINT64_MAX;
  w->is_hasty = is_hasty;
  w->is_restless = true;
  task_listen(w->rt, t, &w->resting, CONFIG_NONE);
}

void wired_await_rest(struct wired *w, struct task *t, uint64_t ms) {
  await_rest(w, t, ms, false);
}

void wired_await_next(struct wired *w, struct task *t, uint64_t ms) {
  await_rest(w, t, ms, true);
}
