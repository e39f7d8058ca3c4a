// Reactors and workers: made, started, stopped by signals, joined and freed. Main thread, but for
// what a worker calls at its end.

#include "threads.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "certificate.h"
#include "console.h"
#include "crew/crew.h"
#include "estimator.h"
#include "mailbox/ballot.h"
#include "mailbox/batch.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/reactor.h"
#include "script/watchdog.h"
#include "script/worker.h"
#include "staff.h"
#include "wired.h"

enum {
  SIGNALED = 128,      // exit code of a program that a signal has ended: 128 + its number
  COME_MS = 5000,      // for all workers to come to a reload
  VOTE_MS = 10000,     // and for all to have prepared it
  GRACE_MS = 100,      // for the script to begin the end by itself
  PATIENCE_MS = 10000, // after which a stop that hangs is explained
  TIDY_MS = 10000      // between two looks at free memory
};

// Main thread, but for the atomics.
struct threads {
  struct pool pool;
  struct roster roster;
  struct staff *staff;     // workers made for others' calls
  struct ids ids;          // of connections and clients
  struct tls_settings tls; // the command line's certificate; .cert NULL: none
  char *working;           // the working directory, realpath's; NULL: it is gone
  char *watch_folder;      // of --watch=FOLDER, realpath's; NULL: not given
  struct reactor **reactors;
  unsigned reactor_count;     // made
  struct mailbox **mailboxes; // the reactors'
  struct worker **workers;
  struct stats *worker_stats; // of each
  unsigned worker_count;      // made
  unsigned workers_started;   // the first ones
  struct crew **crews;        // the reactors', then the workers'; or one for both
  unsigned crew_count;
  unsigned crews_started;      // the first ones
  struct estimator *estimator; // of --estimate, else NULL
  struct terminal *terminal;   // whose lines are edited, or NULL
  struct console *console;     // of --console or --attach, else NULL
  uv_loop_t loop;
  uv_signal_t interrupt, terminate, hangup;
  uv_async_t news; // sent by workers, after they have changed what is below
  uv_timer_t patience, tidy, look;
  struct watchdog *watchdog;
  bool is_stopping;
  bool is_signalled;
  bool is_late;         // the end is long in coming
  bool leaves_signals;  // the first one is the script's affair
  uint64_t hangups;     // SIGHUPs so far
  atomic_uint running;  // workers that have not ended
  atomic_int exit_code; // the first one that isn't 0
  atomic_bool is_over;  // a worker has asked for everybody's end
};

static void post(struct mailbox *to, uint16_t type, const void *payload, size_t size) {
  struct batch batch;
  batch_init(&batch, to);
  struct record *r = batch_push(&batch, type, 0, size);
  if (size > 0) memcpy(r->payload, payload, size);
  batch_flush(&batch);
  batch_deinit(&batch);
}

// The end -----------------------------------------------------------------------------------------

static void on_patience(uv_timer_t *timer) {
  struct threads *t = timer->loop->data;
  char names[256];
  roster_write_names(&t->roster, names, sizeof names);
  log_warn("luaws has not ended yet: %s (SIGTERM%s exits at once)", names,
           t->is_signalled ? " again" : "");
  t->is_late = true;
}

// A script is busy or stuck: clients are seen off all the same.
static void on_grace_over(uv_timer_t *timer) {
  struct threads *t = timer->loop->data;
  for (unsigned i = 0; i < t->reactor_count; i++)
    post(t->mailboxes[i], COMMAND_STOP, NULL, 0);
  uv_timer_start(timer, on_patience, PATIENCE_MS, 0);
}

static void stop_workers(struct threads *t) {
  if (t->is_stopping) return;
  t->is_stopping = true;
  if (t->pool.ballot) ballot_close(t->pool.ballot);
  struct event_stop stop = {.exit_code = 0};
  roster_close(&t->roster);
  roster_tell(&t->roster, EVENT_STOP, &stop, sizeof stop);
  uv_timer_start(&t->patience, on_grace_over, GRACE_MS, 0);
}

static void on_signal(uv_signal_t *handle, int number) {
  struct threads *t = handle->loop->data;
  bool is_typed = number == SIGINT && t->terminal && !t->is_stopping;
  if (is_typed && terminal_interrupt(t->terminal)) return;
  if (t->is_signalled || t->is_late) {
    if (t->terminal) terminal_restore(t->terminal);
    _exit(SIGNALED + number);
  }
  t->is_signalled = true;
  if (t->leaves_signals)
    worker_hurry(&t->pool, t->watchdog);
  else
    stop_workers(t);
}

// The certificates first. A worker comes to the reload behind them, whatever has become of them.
static void on_hangup(uv_signal_t *handle, int number) {
  (void)number;
  struct threads *t = handle->loop->data;
  struct event_hangup hangup = {.number = ++t->hangups};
  roster_tell(&t->roster, EVENT_HANGUP, &hangup, sizeof hangup);
  if (t->pool.ballot) ballot_call(t->pool.ballot, "on SIGHUP");
}

static void on_tidy(uv_timer_t *timer) {
  (void)timer;
  mem_give_back();
}

static void on_look(uv_timer_t *timer) {
  struct threads *t = timer->loop->data;
  uv_timer_start(timer, on_look, watchdog_look(t->watchdog, clock_ms()), 0);
}

static void on_news(uv_async_t *handle) {
  struct threads *t = handle->loop->data;
  if (atomic_load(&t->is_over)) stop_workers(t);
  staff_tidy(t->staff);
  if (atomic_load(&t->running) == 0) uv_stop(&t->loop);
}

// A worker's thread: one script's end is everybody's, and so is it when none has anything left to
// do.
static void on_worker_stop(void *context) {
  struct threads *t = context;
  atomic_store(&t->is_over, true);
  uv_async_send(&t->news);
}

// A worker's thread: its last act.
static void on_member_end(void *context, int exit_code) {
  struct threads *t = context;
  int none = 0;
  atomic_compare_exchange_strong(&t->exit_code, &none, exit_code);
  if (exit_code != 0) atomic_store(&t->is_over, true);
  atomic_fetch_sub(&t->running, 1);
  uv_async_send(&t->news);
}

// The same of one that runs the script.
static void on_worker_end(void *context, int exit_code) {
  struct threads *t = context;
  if (t->estimator) estimator_abandon(t->estimator);
  on_member_end(t, exit_code);
}

// A worker's thread, which is one of those that run.
static struct seat *make_worker(void *context, const char *name, const char *path,
                                struct err *err) {
  struct threads *t = context;
  atomic_fetch_add(&t->running, 1);
  struct seat *seat = staff_make(t->staff, name, path, err);
  if (!seat) atomic_fetch_sub(&t->running, 1);
  return seat;
}

// No more comes from the console.
static void on_console_end(void *context, int exit_code) {
  struct threads *t = context;
  int none = 0;
  atomic_compare_exchange_strong(&t->exit_code, &none, exit_code);
  stop_workers(t);
}

// A worker's thread.
static void on_console(void *context, uint64_t session, int kind, const char *text, size_t size) {
  struct threads *t = context;
  console_answer(t->console, session, kind, text, size);
}

// A worker's thread.
static void on_survey(void *context, struct survey *survey) {
  struct threads *t = context;
  estimator_answer(t->estimator, survey);
}

// The loop that waits for it ----------------------------------------------------------------------

// libuv aborts when its first loop finds no descriptors for the signals' pipe.
static int check_descriptors(void) {
  int first[2], second[2];
  if (pipe(first) != 0) return -errno;
  int status = pipe(second) == 0 ? 0 : -errno;
  for (int i = 0; i < 2; i++) {
    close(first[i]);
    if (status == 0) close(second[i]);
  }
  return status;
}

static int watch_signal(struct threads *t, uv_signal_t *handle, int number,
                        void (*on_number)(uv_signal_t *handle, int number)) {
  int status = uv_signal_init(&t->loop, handle);
  return status < 0 ? status : uv_signal_start(handle, on_number, number);
}

static int open_handles(struct threads *t, const struct options *o) {
  int status = uv_async_init(&t->loop, &t->news, on_news);
  if (status < 0) return status;
  uv_timer_init(&t->loop, &t->patience);
  uv_timer_init(&t->loop, &t->tidy);
  uv_timer_start(&t->tidy, on_tidy, TIDY_MS, TIDY_MS);
  uv_timer_init(&t->loop, &t->look);
  uv_timer_start(&t->look, on_look, 0, 0);
  status = watch_signal(t, &t->interrupt, SIGINT, on_signal);
  if (status == 0) status = watch_signal(t, &t->terminate, SIGTERM, on_signal);
  bool has_script = o->action == OPTIONS_RUN; // to be told of it; a command ends
  if (status == 0) status = watch_signal(t, &t->hangup, SIGHUP, has_script ? on_hangup : on_signal);
  if (status == 0 && t->terminal) status = terminal_watch(t->terminal, &t->loop);
  return status;
}

static void close_handle(uv_handle_t *handle, void *context) {
  (void)context;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void close_loop(struct threads *t) {
  uv_walk(&t->loop, close_handle, NULL);
  uv_run(&t->loop, UV_RUN_DEFAULT);
  uv_loop_close(&t->loop);
}

static int open_loop(struct threads *t, const struct options *o, struct err *err) {
  int status = check_descriptors();
  if (status == 0) status = uv_loop_init(&t->loop);
  if (status == 0) {
    t->loop.data = t;
    status = open_handles(t, o);
    if (status < 0) close_loop(t);
  }
  if (status < 0) err_set_errno(err, -status, "can't start");
  return status;
}

// Threads -----------------------------------------------------------------------------------------

static int open_reactors(struct threads *t, unsigned count, struct err *err) {
  t->reactors = mem_zalloc(count * sizeof *t->reactors);
  t->mailboxes = mem_zalloc(count * sizeof *t->mailboxes);
  for (unsigned i = 0; i < count; i++) {
    t->reactors[i] = reactor_new(i, count, &t->ids, err);
    if (!t->reactors[i]) return ERR_INVALID;
    t->mailboxes[i] = reactor_mailbox(t->reactors[i]);
    t->reactor_count++;
  }
  return 0;
}

static int open_workers(struct threads *t, const struct options *o, const char *program,
                        unsigned count, struct err *err) {
  struct worker_options options = {
      .pool = &t->pool,
      .roster = &t->roster,
      .kin = 1,
      .ids = &t->ids,
      .reactors = t->mailboxes,
      .reactor_count = t->reactor_count,
      .memory_limit = o->memory_limit,
      .watchdog = t->watchdog,
      .script = o->script,
      .code = o->code,
      .program = program,
      .args = o->args,
      .host = o->host,
      .port = o->port,
      .root = o->root,
      .tls = t->tls.cert ? &t->tls : NULL,
      .working = t->working ? t->working : ".",
      .watch = o->watch,
      .watch_folder = t->watch_folder,
      .on_free_ports = o->estimate || (o->command && o->command->on_free_ports),
      .wired = &WIRED,
      .on_stop = on_worker_stop,
      .on_end = on_worker_end,
      .on_survey = on_survey,
      .on_console = on_console,
      .stays = o->stays,
      .context = t,
  };
  bool has_file = o->script && strcmp(o->script, "-") != 0;
  if (has_file) t->pool.ballot = ballot_new(COME_MS, VOTE_MS);
  t->workers = mem_zalloc(count * sizeof *t->workers);
  t->worker_stats = mem_zalloc(count * sizeof *t->worker_stats);
  for (unsigned i = 0; i < count; i++) {
    options.index = i;
    options.stats = &t->worker_stats[i];
    t->workers[i] = worker_new(&options, err);
    if (!t->workers[i]) return ERR_INVALID;
    t->worker_count++;
    if (t->pool.ballot) ballot_add(t->pool.ballot, worker_mailbox(t->workers[i]));
    roster_enter(&t->roster, worker_seat(t->workers[i]), i == 0);
  }
  options.on_end = on_member_end;
  t->staff = staff_new(&options, count);
  return 0;
}

// What luaws.stats() sums.
static void open_stats(struct threads *t) {
  for (unsigned i = 0; i < t->reactor_count; i++)
    stats_all_add(&t->pool.stats, reactor_stats(t->reactors[i]));
  for (unsigned i = 0; i < t->worker_count; i++)
    stats_all_add(&t->pool.stats, &t->worker_stats[i]);
}

static void add_crew(struct threads *t, struct reactor *reactor, struct worker *worker) {
  t->crews[t->crew_count++] = crew_new(reactor, worker);
}

// Only one reactor and one worker can stand in for each other.
static void open_crews(struct threads *t) {
  t->crews = mem_zalloc((t->reactor_count + t->worker_count) * sizeof *t->crews);
  if (t->reactor_count == 1 && t->worker_count == 1) {
    add_crew(t, t->reactors[0], t->workers[0]);
    return;
  }
  for (unsigned i = 0; i < t->reactor_count; i++)
    add_crew(t, t->reactors[i], NULL);
  for (unsigned i = 0; i < t->worker_count; i++)
    add_crew(t, NULL, t->workers[i]);
}

// 0, or libuv's error.
static int start(struct threads *t) {
  unsigned without_worker = t->crew_count - t->worker_count;
  for (; t->crews_started < t->crew_count; t->crews_started++) {
    bool has_worker = t->crews_started >= without_worker;
    if (has_worker) atomic_fetch_add(&t->running, 1);
    int status = crew_start(t->crews[t->crews_started]);
    if (status == 0) {
      t->workers_started += has_worker;
      continue;
    }
    if (has_worker) atomic_fetch_sub(&t->running, 1);
    return status;
  }
  if (!t->estimator) return 0;
  return estimator_start(t->estimator, worker_mailbox(t->workers[0]), on_worker_stop, t);
}

// Runs all threads to the workers' end. The workers go first: while they live, they may wait for a
// reactor.
static void run(struct threads *t) {
  int status = start(t);
  if (status < 0) {
    fprintf(stderr, "luaws: can't start a thread: %s\n", strerror(-status));
    atomic_store(&t->exit_code, EXIT_FAILURE);
    stop_workers(t);
  }
  if (t->console && status == 0) console_start(t->console, t->workers[0]);
  if (atomic_load(&t->running) > 0) uv_run(&t->loop, UV_RUN_DEFAULT);
  for (unsigned i = 0; i < t->reactor_count; i++)
    reactor_quit(t->reactors[i]);
  for (unsigned i = 0; i < t->crews_started; i++)
    crew_join(t->crews[i]);
  staff_tidy(t->staff);
  if (t->estimator && estimator_join(t->estimator) != 0 && t->exit_code == 0)
    t->exit_code = EXIT_FAILURE;
}

static void log_counters(const struct threads *t) {
  for (unsigned i = 0; i < t->worker_count; i++) {
    struct mailbox_stats events = mailbox_stats(worker_mailbox(t->workers[i]));
    log_debug("worker %u: mailbox: %" PRIu64 " blocks, %" PRIu64 " records, %" PRIu64 " wake-ups",
              i + 1, events.blocks, events.records, events.wakeups);
  }
  log_debug("%" PRIu64 " allocations", mem_count());
}

// False: see reactor_free.
static bool free_threads(struct threads *t) {
  bool is_free = true;
  for (unsigned i = 0; i < t->crew_count; i++)
    crew_free(t->crews[i]);
  staff_free(t->staff);
  for (unsigned i = 0; i < t->reactor_count; i++)
    is_free = reactor_free(t->reactors[i]) && is_free;
  for (unsigned i = 0; i < t->worker_count; i++) {
    roster_leave(&t->roster, worker_seat(t->workers[i])); // it may never have run
    worker_free(t->workers[i]);
  }
  roster_deinit(&t->roster);
  watchdog_free(t->watchdog);
  ballot_free(t->pool.ballot);
  estimator_free(t->estimator);
  tls_settings_deinit(&t->tls);
  free(t->working);
  free(t->watch_folder);
  mem_free(t->reactors);
  mem_free(t->mailboxes);
  mem_free(t->workers);
  mem_free(t->worker_stats);
  stats_all_deinit(&t->pool.stats);
  mem_free(t->crews);
  return is_free;
}

static int find_watch_folder(struct threads *t, const char *folder, struct err *err) {
  if (!folder) return 0;
  struct stat st;
  t->watch_folder = realpath(folder, NULL);
  if (!t->watch_folder || stat(t->watch_folder, &st) != 0) {
    err_set_errno(err, errno, "--watch=%s", folder);
    return ERR_INVALID;
  }
  if (S_ISDIR(st.st_mode)) return 0;
  err_set(err, ERR_LUAW, 2, "--watch=%s: that is no folder (the script's own: --watch alone)",
          folder);
  return ERR_INVALID;
}

static int open_console(struct threads *t, const struct options *o, struct err *err) {
  if (!o->console && !o->attach) return 0;
  t->console = console_new(t->terminal, on_console_end, t);
  return console_open(t->console, o, &t->loop, err);
}

static int open_threads(struct threads *t, const struct options *o, const char *program,
                        struct err *err) {
  unsigned workers = o->estimate ? 1 : o->workers; // the others are like the first
  int status = find_watch_folder(t, o->watch_folder, err);
  if (status == 0) status = certificate_open(o, &t->tls, err);
  if (status == 0) status = open_console(t, o, err);
  if (status == 0) status = open_reactors(t, o->io_threads, err);
  return status == 0 ? open_workers(t, o, program, workers, err) : status;
}

static void explain(const struct err *err) {
  bool is_limit = err->code == -EMFILE || err->code == -ENFILE;
  fprintf(stderr, "luaws: %s%s\n", err->text, is_limit ? " (raise the limit with ulimit -n)" : "");
}

int threads_run(const struct options *options, const char *program, struct terminal *terminal) {
  struct threads t = {
      .watchdog = watchdog_new(), .terminal = terminal, .working = realpath(".", NULL)};
  struct err err;
  if (open_loop(&t, options, &err) != 0) {
    explain(&err);
    terminal_close(terminal);
    watchdog_free(t.watchdog);
    free(t.working);
    return EXIT_FAILURE;
  }
  t.leaves_signals = options->command && options->command->sees_signals;
  stats_all_init(&t.pool.stats);
  roster_init(&t.roster, make_worker, on_worker_stop, &t);
  if (options->estimate) t.estimator = estimator_new(options);
  if (open_threads(&t, options, program, &err) == 0) {
    open_stats(&t);
    open_crews(&t);
    run(&t);
    log_counters(&t);
  } else {
    explain(&err);
    t.exit_code = EXIT_FAILURE;
  }
  console_stop(t.console);
  terminal_close(terminal);
  close_loop(&t);
  console_free(t.console);
  if (!free_threads(&t)) {
    fflush(NULL);
    _exit(t.exit_code);
  }
  return t.exit_code;
}
