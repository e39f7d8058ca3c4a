// The worker: a runtime, and how whoever runs it waits. worker_new, _set_help and _free are for the
// thread that owns the worker; the rest is for the crew's threads.

#include "script/worker.h"

#include <errno.h>
#include <poll.h>
#include "base/clock.h"
#include "base/mem.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "script/job.h"
#include "script/runtime.h"
#include "script/uvloop.h"

struct worker {
  struct worker_options options;
  struct mailbox *mailbox;
  struct seat *seat;
  struct runtime runtime;
  bool (*help)(void *context);
  void *help_context;
  // Of the thread that waits; written while it is the mailbox's consumer, read by stand-ins too.
  uint64_t wakes_at; // ms: when it will rise by itself
  bool waits_in_loop;
};

struct worker *worker_new(const struct worker_options *options, struct err *err) {
  struct mailbox *mailbox = mailbox_new();
  if (!mailbox) {
    err_set_errno(err, errno, "a worker's mailbox");
    return NULL;
  }
  struct worker *w = mem_zalloc(sizeof *w);
  w->options = *options;
  w->mailbox = mailbox;
  w->seat = seat_new(options->name ? options->name : WORKER_MAIN, mailbox);
  return w;
}

void worker_set_help(struct worker *w, bool (*help)(void *context), void *context) {
  w->help = help;
  w->help_context = context;
}

struct mailbox *worker_mailbox(struct worker *w) {
  return w->mailbox;
}

struct seat *worker_seat(struct worker *w) {
  return w->seat;
}

void worker_hurry(struct pool *pool, struct watchdog *dog) {
  atomic_store(&pool->is_hurried, true);
  watchdog_call_all(dog);
}

void worker_end_line(struct worker *w, uint64_t session) {
  budget_end_line(&w->runtime, session);
}

void worker_free(struct worker *w) {
  if (!w) return;
  seat_unref(w->seat);
  mailbox_unref(w->mailbox);
  mem_free(w);
}

void worker_begin(struct worker *w) {
  if (w->options.on_begin) w->options.on_begin(w->options.context);
  runtime_init(&w->runtime, &w->options, w->seat);
  for (unsigned i = 0; i < w->options.reactor_count; i++)
    outgoing_set_help(&w->runtime.outgoing[i], w->help, w->help_context);
  runtime_start(&w->runtime);
}

bool worker_turn(struct worker *w) {
  struct runtime *rt = &w->runtime;
  watchdog_enter(&rt->budget.watched);
  if (rt->phase != PHASE_ENDED) runtime_turn(rt);
  watchdog_leave(&rt->budget.watched);
  return rt->phase != PHASE_ENDED;
}

static uint64_t next_due(const struct runtime *rt) {
  uint64_t timeout = runtime_timeout(rt);
  return timeout > INT32_MAX ? UINT64_MAX : clock_ms() + timeout;
}

bool worker_sleep(struct worker *w, bool lendable) {
  struct runtime *rt = &w->runtime;
  if (runtime_timeout(rt) == 0) return false;
  w->wakes_at = next_due(rt);
  w->waits_in_loop = !uvloop_is_idle(rt);
  return mailbox_sleep(w->mailbox, lendable && !w->waits_in_loop);
}

bool worker_wait(struct worker *w, uint64_t timeout) {
  uint64_t now = clock_ms();
  uint64_t left = w->wakes_at == UINT64_MAX ? UINT64_MAX
                  : w->wakes_at > now       ? w->wakes_at - now
                                            : 1;
  if (left < timeout) timeout = left;
  if (w->waits_in_loop) {
    uvloop_run(&w->runtime, timeout);
    return true;
  }
  struct pollfd fd = {.fd = mailbox_fd(w->mailbox), .events = POLLIN};
  int ready = poll(&fd, 1, timeout > INT32_MAX ? -1 : (int)timeout);
  return ready != 0 || clock_ms() >= w->wakes_at;
}

// In luv's loop callbacks may have looked at the mailbox, and nobody else becomes its consumer.
bool worker_rise(struct worker *w) {
  return mailbox_rise(w->mailbox) || w->waits_in_loop;
}

bool worker_stop_lending(struct worker *w) {
  return mailbox_stop_lending(w->mailbox);
}

bool worker_rest(struct worker *w, bool lendable) {
  struct runtime *rt = &w->runtime;
  if (rt->phase != PHASE_ENDED && uvloop_is_idle(rt) && next_due(rt) >= w->wakes_at)
    return mailbox_sleep(w->mailbox, lendable);
  mailbox_yield(w->mailbox);
  return true;
}

// What has come too late; the blocks go back.
static void refuse_all(struct worker *w, struct block *chain) {
  while (chain) {
    for (struct record *r = record_first(chain); r; r = record_next(chain, r))
      if (r->type == EVENT_CALL) job_refuse(w->options.roster, w->seat, r);
    struct block *next = chain->next;
    mailbox_return(w->mailbox, chain);
    chain = next;
  }
}

static void give_back(struct mailbox *mailbox, struct block *chain) {
  while (chain) {
    struct block *next = chain->next;
    mailbox_return(mailbox, chain);
    chain = next;
  }
}

// The last command: nothing of this worker is left in the reactors but the way to its mailbox.
static void be_forgotten(struct worker *w) {
  for (unsigned i = 0; i < w->options.reactor_count; i++) {
    struct batch batch;
    batch_init(&batch, w->options.reactors[i]);
    struct record *r = batch_push(&batch, COMMAND_FORGET, 0, sizeof(struct command_forget));
    ((struct command_forget *)r->payload)->owner = mailbox_ref(w->mailbox);
    batch_flush(&batch);
    batch_deinit(&batch);
  }
}

void worker_end(struct worker *w) {
  struct runtime *rt = &w->runtime;
  int exit_code = rt->exit_code;
  runtime_deinit(rt);
  roster_leave(w->options.roster, w->seat);
  refuse_all(w, rt->inbox);
  refuse_all(w, mailbox_take(w->mailbox, NULL));
  give_back(w->mailbox, rt->finished);
  be_forgotten(w);
  if (w->options.on_end) w->options.on_end(w->options.context, exit_code);
}
