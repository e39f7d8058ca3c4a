// Wires the command line to the threads: reactors and a worker, then waits for signals and for the
// worker's end. Main thread.

#include <inttypes.h>
#include <llhttp.h>
#include <lua.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include "base/log.h"
#include "base/mem.h"
#include "cli/options.h"
#include "luaws_version.h"
#include "mailbox/batch.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/reactor.h"
#include "script/worker.h"

enum {
  EXIT_USAGE = 2,
  SIGNALED = 128,     // exit code of a program that a signal has ended: 128 + its number
  GRACE_MS = 100,     // for the script to begin the end by itself
  PATIENCE_MS = 10000 // after which a stop that hangs is explained
};

// Main thread only, but for `exit_code` and `ended`, which the worker's end sets.
struct program {
  struct options options;
  struct reactor *reactor;
  struct worker *worker;
  uv_loop_t loop;
  uv_signal_t interrupt, terminate, hangup;
  uv_async_t ended; // sent by the worker's thread, after it has set exit_code
  uv_timer_t patience;
  bool is_stopping;
  int exit_code;
};

static void print_version(void) {
  printf("luaws %s\n", LUAWS_VERSION);
  printf("%s.%s, libuv %s, %s, zlib %s, llhttp %d.%d.%d\n", LUA_VERSION, LUA_VERSION_RELEASE,
         uv_version_string(), OpenSSL_version(OPENSSL_VERSION), zlibVersion(), LLHTTP_VERSION_MAJOR,
         LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}

// Blocks of messages come and go by the quarter megabyte: glibc would map and unmap them each time.
static void tune_malloc(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
#endif
}

// As many connections as the system allows without further ado.
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void post(struct mailbox *to, uint16_t type, const void *payload, size_t size) {
  struct batch batch;
  batch_init(&batch, to);
  struct record *r = batch_push(&batch, type, 0, size);
  if (size > 0) memcpy(r->payload, payload, size);
  batch_flush(&batch);
  batch_deinit(&batch);
}

// Signals -----------------------------------------------------------------------------------------

static void on_patience(uv_timer_t *timer) {
  (void)timer;
  log_warn("the script has not ended yet (the same signal again exits at once)");
}

// The script is busy or stuck: clients are seen off all the same.
static void on_grace_over(uv_timer_t *timer) {
  struct program *p = timer->loop->data;
  post(reactor_mailbox(p->reactor), COMMAND_STOP, NULL, 0);
  uv_timer_start(timer, on_patience, PATIENCE_MS, 0);
}

static void on_stop(uv_signal_t *handle, int number) {
  struct program *p = handle->loop->data;
  if (p->is_stopping) _exit(SIGNALED + number);
  p->is_stopping = true;
  struct event_stop stop = {.exit_code = 0};
  post(worker_mailbox(p->worker), EVENT_STOP, &stop, sizeof stop);
  uv_timer_start(&p->patience, on_grace_over, GRACE_MS, 0);
}

static void on_hangup(uv_signal_t *handle, int number) {
  (void)handle;
  (void)number;
  log_info("SIGHUP is ignored: reloading is not there yet");
}

static void close_handle(uv_handle_t *handle, void *context) {
  (void)context;
  uv_close(handle, NULL);
}

static void on_ended(uv_async_t *handle) {
  uv_walk(handle->loop, close_handle, NULL);
}

// Worker's thread: its last act.
static void on_worker_end(void *context, int exit_code) {
  struct program *p = context;
  p->exit_code = exit_code;
  uv_async_send(&p->ended);
}

static void init_loop(struct program *p) {
  uv_loop_init(&p->loop);
  p->loop.data = p;
  uv_async_init(&p->loop, &p->ended, on_ended);
  uv_timer_init(&p->loop, &p->patience);
  uv_signal_init(&p->loop, &p->interrupt);
  uv_signal_init(&p->loop, &p->terminate);
  uv_signal_init(&p->loop, &p->hangup);
  uv_signal_start(&p->interrupt, on_stop, SIGINT);
  uv_signal_start(&p->terminate, on_stop, SIGTERM);
  uv_signal_start(&p->hangup, on_hangup, SIGHUP);
}

// Threads -----------------------------------------------------------------------------------------

static int open_threads(struct program *p, const char *program, struct mailbox **reactors,
                        struct err *err) {
  p->reactor = reactor_new(0, 1, err);
  if (!p->reactor) return ERR_INVALID;
  reactors[0] = reactor_mailbox(p->reactor);
  struct worker_options options = {
      .reactors = reactors,
      .reactor_count = 1,
      .script = p->options.script,
      .code = p->options.code,
      .program = program,
      .args = p->options.args,
      .host = p->options.host,
      .port = p->options.port,
      .root = p->options.root,
      .on_end = on_worker_end,
      .context = p,
  };
  p->worker = worker_new(&options, err);
  return p->worker ? 0 : ERR_INVALID;
}

static void log_counters(struct program *p) {
  struct mailbox_stats events = mailbox_stats(worker_mailbox(p->worker));
  log_debug("worker main: mailbox: %" PRIu64 " blocks, %" PRIu64 " records, %" PRIu64
            " wake-ups; %" PRIu64 " allocations in the process",
            events.blocks, events.records, events.wakeups, mem_count());
}

// Runs both threads to the worker's end. The worker goes first: while it lives, it may wait for
// the reactor.
static void run_threads(struct program *p) {
  init_loop(p);
  int status = reactor_start(p->reactor);
  if (status == 0 && worker_start(p->worker) == 0) {
    uv_run(&p->loop, UV_RUN_DEFAULT);
    worker_join(p->worker);
  } else {
    fprintf(stderr, "luaws: can't start a thread\n");
    p->exit_code = EXIT_FAILURE;
    uv_walk(&p->loop, close_handle, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
  }
  if (status == 0) reactor_join(p->reactor);
  uv_loop_close(&p->loop);
  log_counters(p);
}

static int run(struct program *p, const char *program) {
  struct mailbox *reactors[1];
  struct err err;
  log_configure(p->options.log_level, p->options.log_format);
  tune_malloc();
  raise_descriptor_limit();
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  if (open_threads(p, program, reactors, &err) == 0) {
    run_threads(p);
  } else {
    fprintf(stderr, "luaws: %s\n", err.text);
    p->exit_code = EXIT_FAILURE;
  }
  // The reactor first: its batches belong to the worker's mailbox.
  reactor_free(p->reactor);
  worker_free(p->worker);
  return p->exit_code;
}

int main(int argc, char **argv) {
  (void)argc;
  struct program program = {0};
  struct err err;
  if (options_parse(&program.options, argv, &err) != 0) {
    fprintf(stderr, "luaws: %s (see luaws --help)\n", err.text);
    options_deinit(&program.options);
    return EXIT_USAGE;
  }
  int exit_code = EXIT_SUCCESS;
  switch (program.options.action) {
  case OPTIONS_VERSION: print_version(); break;
  case OPTIONS_HELP: fputs(OPTIONS_HELP_TEXT, stdout); break;
  case OPTIONS_RUN: exit_code = run(&program, argv[0]); break;
  }
  options_deinit(&program.options);
  return exit_code;
}
