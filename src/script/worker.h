#ifndef SCRIPT_WORKER_H
#define SCRIPT_WORKER_H

// A worker: a Lua state that runs a script and then its handlers, one event at a time. It hears of
// connections through its mailbox and answers through those of the reactors. Knows no socket, and
// no thread: a crew (crew/crew.h) runs it.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/duplex.h"
#include "base/err.h"
#include "base/survey.h"
#include "base/tls_settings.h"
#include "mailbox/ids.h"
#include "mailbox/mailbox.h"
#include "mailbox/roster.h"
#include "mailbox/stats.h"

struct ballot;
struct watchdog;
struct worker; // private

// The name by which others call the first worker of the script.
#define WORKER_MAIN "main"

// What the workers of the process share, which end together. Made by main, which keeps it until all
// have ended; any thread.
struct pool {
  struct ballot *ballot;  // on reloads; NULL: there is nothing to reload
  atomic_bool is_ending;  // one has begun to end the process, so that all are about to end
  atomic_bool is_hurried; // what computes is to come to an end (worker_hurry)
  atomic_bool has_failed; // a script's failure at the start has been told: the others' is the same
  struct stats_all stats; // of the process
};

// How a worker comes to connections without a network: a reactor of its own, which its own thread
// runs (reactor/reactor.h says what each does). Script code knows no reactor, so that whoever puts
// the program together hands these over.
struct reactor;

struct worker_wired {
  struct reactor *(*open)(unsigned index, struct ids *ids, struct err *err);
  bool (*free)(struct reactor *r);
  struct mailbox *(*mailbox)(struct reactor *r);
  bool (*connect)(struct reactor *r, uint64_t web, struct duplex *d,
                  const struct duplex_client *client);
  bool (*settle)(struct reactor *r);
  void (*move)(struct reactor *r, uint64_t now);
  uint64_t (*wait)(const struct reactor *r);
};

// All pointers must stay good until worker_free.
struct worker_options {
  struct pool *pool;
  struct roster *roster; // the process's workers, as they know each other
  struct stats *stats;   // what it counts itself
  struct ids *ids;       // the process's: ids of clients
  // Of one that is made for the calls of others: it runs no script. NULL: one that runs the script.
  const char *name;
  const char *path; // its package.path
  unsigned index;   // unique in the process. Those that run the script: from 0 on
  unsigned kin; // not 0: workers with the same number run the same script, so that they make the
                // same servers
  struct mailbox *const *reactors; // where commands go
  unsigned reactor_count;
  uint64_t memory_limit;     // bytes that its Lua state may have; 0: the default (vm.c)
  struct watchdog *watchdog; // of the process, see watchdog.h; may be NULL
  const char *script;        // path, "-" for stdin, NULL: only `code`
  const char *code;          // -e, run before the script; may be NULL
  const char *program;       // argv[0]
  char **args;               // the script's arguments, NULL-terminated; become `arg` as in lua
  // What the command line sets for luaws.webServer, over what the script sets; NULL or -1: nothing.
  const char *host;
  int port;
  const char *root;               // relative to `working`
  const struct tls_settings *tls; // certificate and key; paths relative to `working`
  const char *working;            // the working directory as the program started, absolute
  bool watch;                     // --watch: somebody is developing the script
  const char *watch_folder;       // of --watch=FOLDER, absolute; NULL: the script's own
  // Every web server listens on a free port of 127.0.0.1, whatever script and command line say.
  bool on_free_ports;
  const struct worker_wired *wired; // NULL: there are no connections without a network
  // Called in the worker's thread: before anything else (may be NULL); when it begins to end the
  // process, because its script wants that or has failed to start, or it has been told to; and when
  // it has ended, with its exit code.
  void (*on_begin)(void *context);
  void (*on_stop)(void *context);
  void (*on_end)(void *context, int exit_code);
  // EVENT_SURVEY's answer, in the worker's thread; takes the survey over. May be NULL.
  void (*on_survey)(void *context, struct survey *survey);
  // EVENT_CONSOLE's answers, an enum event_console each, in the worker's thread. May be NULL.
  void (*on_console)(void *context, uint64_t session, int kind, const char *text, size_t size);
  // Lives on without a script, until it is stopped.
  bool stays;
  void *context;
};

// NULL: *err says why.
struct worker *worker_new(const struct worker_options *options, struct err *err);

// Before worker_begin. `help` is called whenever the script waits for a reactor: it runs a turn of
// that, if it is this thread that must. False: another one does.
void worker_set_help(struct worker *w, bool (*help)(void *context), void *context);

// Where events go (EVENT_STOP from main among them).
struct mailbox *worker_mailbox(struct worker *w);

// What others hold of it. Whoever makes it puts that on the roster.
struct seat *worker_seat(struct worker *w);

// Interrupts a line of that session of the console, if it computes. Any thread, once the worker has
// answered the session.
void worker_end_line(struct worker *w, uint64_t session);

// `luaws test` is to end: what computes in tests, in handlers and in workers by name is interrupted
// by an error, which otherwise may take as long as it likes, or for as long as --timeout says. Any
// thread.
void worker_hurry(struct pool *pool, struct watchdog *dog);

// What its thread does: begin; then turns, and waits in between; end.
void worker_begin(struct worker *w);
void worker_end(struct worker *w); // tells on_end

// One turn. Any thread, one at a time: the mailbox's consumer. False: it has come to its end.
bool worker_turn(struct worker *w);

// The consumer is going to wait. False: there is more to do. `lendable`: see mailbox_sleep.
bool worker_sleep(struct worker *w, bool lendable);

// Waits for events or what is due, at most `timeout` ms. True when something of that has come.
bool worker_wait(struct worker *w, uint64_t timeout);

// See mailbox.h.
bool worker_rise(struct worker *w);
bool worker_stop_lending(struct worker *w);

// A thread that has stood in has done its turn: the worker sleeps again, or its own thread is woken
// where that has something to do. False: there is more to do at once.
bool worker_rest(struct worker *w, bool lendable);

void worker_free(struct worker *w);

#endif
