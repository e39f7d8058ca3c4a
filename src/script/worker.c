// The worker: a thread around a runtime. worker_new, _start, _join and _free are for the thread
// that owns the worker; everything else here runs in the worker's own.

#include "script/worker.h"

#include <errno.h>
#include <poll.h>
#include "base/mem.h"
#include "mailbox/event.h"
#include "script/runtime.h"
#include "script/uvloop.h"

struct worker {
  struct worker_options options;
  struct mailbox *mailbox;
  uv_thread_t thread;
  struct runtime runtime;
};

static void run(void *context);

struct worker *worker_new(const struct worker_options *options, struct err *err) {
  struct mailbox *mailbox = mailbox_new();
  if (!mailbox) {
    err_set_errno(err, errno, "a worker's mailbox");
    return NULL;
  }
  struct worker *w = mem_zalloc(sizeof *w);
  w->options = *options;
  w->mailbox = mailbox;
  return w;
}

struct mailbox *worker_mailbox(struct worker *w) {
  return w->mailbox;
}

int worker_start(struct worker *w) {
  return uv_thread_create(&w->thread, run, w);
}

void worker_join(struct worker *w) {
  uv_thread_join(&w->thread);
}

void worker_free(struct worker *w) {
  if (!w) return;
  mailbox_free(w->mailbox);
  mem_free(w);
}

// Waits for events, what is due, or luv.
static void wait_for_work(struct runtime *rt) {
  uint64_t timeout = runtime_timeout(rt);
  if (timeout == 0 || !mailbox_sleep(rt->mailbox)) return;
  if (rt->has_loop) {
    uvloop_run(rt, timeout);
    return;
  }
  struct pollfd fd = {.fd = mailbox_fd(rt->mailbox), .events = POLLIN};
  poll(&fd, 1, timeout > INT32_MAX ? -1 : (int)timeout);
}

static void give_back(struct mailbox *mailbox, struct block *chain) {
  while (chain) {
    struct block *next = chain->next;
    mailbox_return(mailbox, chain);
    chain = next;
  }
}

static void run(void *context) {
  struct worker *w = context;
  struct runtime *rt = &w->runtime;
  runtime_init(rt, &w->options, w->mailbox);
  runtime_start(rt);
  for (;;) {
    runtime_turn(rt);
    if (!runtime_is_alive(rt)) break;
    wait_for_work(rt);
  }
  int exit_code = rt->exit_code;
  runtime_deinit(rt);
  give_back(w->mailbox, rt->inbox);
  give_back(w->mailbox, rt->finished);
  if (w->options.on_end) w->options.on_end(w->options.context, exit_code);
}
