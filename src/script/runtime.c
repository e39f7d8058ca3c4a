// The runtime: its turn, its calls, its end. Runs in the Lua thread.

#include "script/runtime.h"

#include <assert.h>
#include <lauxlib.h>
#include <poll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "script/args.h"
#include "script/console.h"
#include "script/websocket.h"
#include "script/dispatch.h"
#include "script/failure.h"
#include "script/job.h"
#include "script/fold.h"
#include "script/lib.h"
#include "script/reload.h"
#include "script/link.h"
#include "script/task.h"
#include "script/uvloop.h"
#include "script/vm.h"
#include "script/vote.h"
#include "script/watch.h"
#include "script/webserver.h"
#include "script/wired.h"
#include "script/wss.h"

enum {
  TEXT_MAX = INT32_MAX, // the scratch buffer's ceiling
  FLUSH_MS = 2,         // how long a reply may wait while other events are dealt with
  TICK_AFTER_MAX = 16,  // events between two ticks
  WORKER_SHIFT = 32,    // ids are the worker's index, then a count
  COPIED_KEPT = 65536,  // what rt->copied keeps between two calls
};

static void tick(struct runtime *rt);
static void flush_all(struct runtime *rt);
static void run_due(struct runtime *rt);
static void end(struct runtime *rt);
static void on_main_done(struct runtime *rt, struct task *t, bool ok);

void runtime_init(struct runtime *rt, const struct worker_options *options, struct seat *seat) {
  struct mailbox *mailbox = seat->mailbox;
  *rt = (struct runtime){.options = options,
                         .stats = options->stats,
                         .seat = seat,
                         .mailbox = mailbox,
                         .is_busy = !options->name,
                         .tick_after = 1,
                         .generation = 1,
                         .reactor_count = options->reactor_count,
                         .last_id = (uint64_t)options->index << WORKER_SHIFT,
                         .now = clock_ms()};
  rt->inbox_last = &rt->inbox;
  struct list *lists[] = {&rt->ready,      &rt->turn,   &rt->waiting, &rt->held,
                          &rt->wsses,      &rt->timers, &rt->clients, &rt->dialing,
                          &rt->webservers, &rt->jobs,   &rt->asks};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    list_init(lists[i]);
  list_init(&rt->consoles);
  wheel_init(&rt->wheel, rt->now);
  vote_init(rt);
  buf_init(&rt->text, TEXT_MAX);
  buf_init(&rt->copied, JOB_SIZE_MAX);
  rt->outgoing_count = rt->reactor_count;
  rt->outgoing = mem_zalloc((rt->reactor_count + 1) * sizeof *rt->outgoing);
  rt->links = mem_zalloc((rt->reactor_count + 1) * sizeof *rt->links);
  for (unsigned i = 0; i < rt->reactor_count; i++)
    outgoing_init(&rt->outgoing[i], options->reactors[i], mailbox,
                  event_window_share(rt->reactor_count));
  budget_init(rt);
  vm_open(rt);
}

void runtime_deinit(struct runtime *rt) {
  assert(rt->phase == PHASE_ENDED);
  budget_deinit(rt);
  uvloop_close(rt);
  task_deinit_idle(rt);
  console_deinit(rt);
  vm_close(rt);
  fold_deinit(rt); // finalizers have been called
  if (rt->has_loop) uv_loop_close(&rt->loop);
  for (unsigned i = 0; i < rt->outgoing_count; i++) {
    outgoing_deinit(&rt->outgoing[i]);
    mem_free(rt->links[i].slots);
  }
  mem_free(rt->outgoing);
  mem_free(rt->links);
  wired_free(rt->wired);
  buf_deinit(&rt->text);
  buf_deinit(&rt->copied);
  mem_free(rt->worker_path);
}

// Somebody who develops the script is going to mend it, if it is there.
static void fail_start(struct runtime *rt, const char *why) {
  bool is_developed = rt->options->watch && access(rt->options->script, R_OK) == 0;
  rt->awaits_save = is_developed && rt->phase == PHASE_RUNNING;
  if (!rt->awaits_save) {
    runtime_stop(rt, 1);
    rt->exit_code = 1;
    return;
  }
  if (rt->options->index == 0) log_warn("the script has not started: save again to retry");
  watch_on_reload(rt, why);
}

void runtime_start(struct runtime *rt) {
  lua_State *L = rt->L;
  if (rt->options->name) {
    rt->is_loaded = true;
    return;
  }
  watch_start(rt);
  if (!vm_load(rt, L)) {
    failure_print(rt);
    lua_settop(L, 0);
    fail_start(rt, "");
    return;
  }
  int count = lua_gettop(L);
  struct task *t = task_new(rt, "script", on_main_done, NULL);
  t->is_main = true;
  t->scope = rt->generation;
  luaL_checkstack(t->co, count, NULL);
  lua_xmove(L, t->co, count);
  task_defer(rt, t);
}

// One that has nothing left to do waits for calls, and ends with all the others.
static void note_busy(struct runtime *rt) {
  bool is_busy = runtime_is_alive(rt);
  if (is_busy == rt->is_busy) return;
  rt->is_busy = is_busy;
  if (is_busy)
    roster_rise(rt->options->roster);
  else
    roster_rest(rt->options->roster);
}

void runtime_take_share(struct runtime *rt) {
  if (rt->is_busy) roster_rest(rt->options->roster);
  rt->is_busy = true;
}

void runtime_turn(struct runtime *rt) {
  runtime_receive(rt);
  tick(rt);
  if (!uvloop_is_idle(rt)) uvloop_run(rt, 0);
  link_run_held(rt);
  task_run_ready(rt);
  while (rt->inbox) {
    struct block *block = rt->inbox;
    rt->inbox = block->next;
    if (!rt->inbox) rt->inbox_last = &rt->inbox;
    dispatch_block(rt, block);
    block->next = rt->finished;
    rt->finished = block;
  }
  bool is_empty = list_empty(&rt->wsses) && list_empty(&rt->clients);
  if (rt->phase == PHASE_STOPPING && is_empty) end(rt);
  note_busy(rt);
  flush_all(rt);
  if (rt->wired && rt->phase != PHASE_ENDED) wired_turn(rt->wired);
}

uint64_t runtime_timeout(const struct runtime *rt) {
  if (rt->inbox || !list_empty(&rt->ready) || !list_empty(&rt->held)) return 0;
  if (rt->wired && wired_is_restless(rt->wired)) return 0;
  uint64_t wait = wheel_timeout(&rt->wheel);
  if (wait == UINT64_MAX) return wait;
  uint64_t due = rt->wheel.now + wait, now = clock_ms();
  return due > now ? due - now : 0;
}

bool runtime_is_alive(const struct runtime *rt) {
  if (rt->phase != PHASE_RUNNING) return rt->phase == PHASE_STOPPING;
  return rt->options->stays || rt->awaits_save || rt->inbox || !list_empty(&rt->ready) ||
         !list_empty(&rt->waiting) || !list_empty(&rt->held) || !list_empty(&rt->wsses) ||
         !list_empty(&rt->webservers) || !list_empty(&rt->clients) || !list_empty(&rt->timers) ||
         job_is_there(rt) || uvloop_is_alive(rt);
}

void runtime_stop(struct runtime *rt, int exit_code) {
  if (rt->is_exiting || rt->phase == PHASE_ENDED) return;
  bool is_running = rt->phase == PHASE_RUNNING;
  rt->is_exiting = true;
  rt->phase = PHASE_STOPPING;
  rt->exit_code = exit_code;
  atomic_store(&rt->options->pool->is_ending, true);
  vote_stop(rt);
  if (rt->options->on_stop) rt->options->on_stop(rt->options->context);
  if (!is_running) return; // it has been killed: all that follows is under way
  job_drop_waiting(rt, "luaws is shutting down");
  while (!list_empty(&rt->webservers))
    webserver_end(rt, LIST_ENTRY(rt->webservers.next, struct webserver, node));
  websocket_end_all(rt);
}

void runtime_retire(struct runtime *rt) {
  if (rt->phase != PHASE_RUNNING) return;
  rt->phase = PHASE_STOPPING;
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next)
    wss_terminate(rt, LIST_ENTRY(i, struct wss, node), CONFIG_NONE);
  while (!list_empty(&rt->webservers))
    webserver_leave(rt, LIST_ENTRY(rt->webservers.next, struct webserver, node), CONFIG_NONE);
  websocket_end_all(rt);
}

void runtime_relax_copied(struct runtime *rt) {
  if (rt->copied.cap > COPIED_KEPT) buf_deinit(&rt->copied);
}

static bool find_stop(struct block *blocks) {
  for (struct block *b = blocks; b; b = b->next) {
    for (struct record *r = record_first(b); r; r = record_next(b, r)) {
      if (r->type == EVENT_STOP) return true;
    }
  }
  return false;
}

bool runtime_is_stopping(struct runtime *rt) {
  if (rt->phase != PHASE_RUNNING || atomic_load(&rt->options->pool->is_ending)) return true;
  runtime_receive(rt);
  return find_stop(rt->inbox);
}

int runtime_refuse_start(lua_State *L, const char *what) {
  struct task *t = runtime_of(L)->current;
  if (t) t->is_refused = true;
  return args_error(L, "%s: luaws is shutting down", what);
}

void runtime_deadline_init(struct deadline *d,
                           void (*on_due)(struct runtime *, struct deadline *)) {
  wheel_timer_init(&d->timer);
  d->on_due = on_due;
}

uint64_t runtime_clock(struct runtime *rt) {
  return rt->now = clock_ms();
}

uint64_t runtime_clock_of(struct runtime *rt, unsigned scope) {
  return scope == SCOPE_WIRED ? wired_now(rt->wired) : runtime_clock(rt);
}

void runtime_start_deadline(struct runtime *rt, unsigned scope, struct deadline *d, uint64_t due) {
  if (scope == SCOPE_WIRED)
    wired_start_deadline(rt->wired, d, due);
  else
    wheel_start(&rt->wheel, &d->timer, due);
}

uint64_t runtime_due(struct runtime *rt, unsigned scope, uint64_t ms) {
  return scope == SCOPE_WIRED ? wired_now(rt->wired) + ms : runtime_clock(rt) + ms + 1;
}

static void tick(struct runtime *rt) {
  rt->ticked = runtime_clock(rt);
  if (rt->now - rt->flushed >= FLUSH_MS) flush_all(rt);
  run_due(rt);
  vm_relax_collector(rt);
}

// Handlers that take long must not let the reactor wait for news: they are looked after more often.
void runtime_tick(struct runtime *rt) {
  uint64_t before = rt->ticked;
  tick(rt);
  rt->tick_after *= 2;
  if (rt->tick_after > TICK_AFTER_MAX) rt->tick_after = TICK_AFTER_MAX;
  if (rt->ticked - before >= FLUSH_MS) rt->tick_after = 1;
}

bool runtime_receive(struct runtime *rt) {
  struct block *taken = mailbox_take(rt->mailbox, rt->finished);
  rt->finished = NULL;
  *rt->inbox_last = taken;
  while (*rt->inbox_last)
    rt->inbox_last = &(*rt->inbox_last)->next;
  return taken != NULL;
}

static const struct event_reply *find_reply(struct block *blocks, uint64_t call) {
  for (struct block *b = blocks; b; b = b->next) {
    for (struct record *r = record_first(b); r; r = record_next(b, r)) {
      if (r->type == EVENT_REPLY && r->id == call) return (const struct event_reply *)r->payload;
    }
  }
  return NULL;
}

struct event_reply runtime_call(struct runtime *rt, uint64_t call) {
  flush_all(rt);
  for (;;) {
    struct block **newest = rt->inbox_last;
    if (runtime_receive(rt)) {
      const struct event_reply *reply = find_reply(*newest, call);
      if (reply) return *reply;
    } else if (!outgoing_help(&rt->outgoing[0]) && mailbox_sleep(rt->mailbox, false)) {
      struct pollfd fd = {.fd = mailbox_fd(rt->mailbox), .events = POLLIN};
      poll(&fd, 1, -1);
    }
  }
}

static void flush_all(struct runtime *rt) {
  for (unsigned i = 0; i < rt->outgoing_count; i++)
    outgoing_flush(&rt->outgoing[i]);
  if (rt->wired) wired_settle(rt->wired);
  rt->flushed = rt->now;
}

static void run_due(struct runtime *rt) {
  struct list due;
  list_init(&due);
  wheel_advance(&rt->wheel, rt->now, &due);
  while (!list_empty(&due)) {
    struct deadline *d = LIST_ENTRY(due.next, struct deadline, timer.node);
    wheel_stop(&d->timer);
    d->on_due(rt, d);
  }
}

// Nothing is called any more. What waits is closed: that may send something still.
static void end(struct runtime *rt) {
  if (rt->phase == PHASE_ENDED) return;
  rt->phase = PHASE_ENDED;
  vote_leave(rt);
  task_kill_all(rt);
  lib_timer_end_all(rt);
  job_drop_all(rt, rt->is_exiting ? "luaws is shutting down" : "it was killed");
}

static void on_main_done(struct runtime *rt, struct task *t, bool ok) {
  rt->is_loaded = true;
  if (ok) {
    reload_note_loaded(rt);
    return;
  }
  lua_getfield(rt->L, -1, "errors");
  lua_rawgeti(rt->L, -1, 1);
  lua_getfield(rt->L, -1, "message");
  if (!t->is_refused) fail_start(rt, lua_tostring(rt->L, -1));
  lua_pop(rt->L, 4);
}
