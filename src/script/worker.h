#ifndef SCRIPT_WORKER_H
#define SCRIPT_WORKER_H

// A worker: a thread with a Lua state that runs a script and then its handlers, one event at a
// time. It hears of connections through its mailbox and answers through those of the reactors.
// Knows no socket.

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "mailbox/mailbox.h"

struct worker; // private

// All pointers must stay good until worker_free.
struct worker_options {
  struct mailbox *const *reactors; // where commands go
  unsigned reactor_count;
  const char *script;  // path, "-" for stdin, NULL: only `code`
  const char *code;    // -e, run before the script; may be NULL
  const char *program; // argv[0]
  char **args;         // the script's arguments, NULL-terminated; become `arg` as in lua
  // What the command line sets for luaws.webServer, over what the script sets; NULL or -1: nothing.
  const char *host;
  int port;
  const char *root; // relative to the working directory
  // Called in the worker's thread: when it begins to end, because its script wants that or has
  // failed to start, or it has been told to; and when it has ended, with its exit code.
  void (*on_stop)(void *context);
  void (*on_end)(void *context, int exit_code);
  void *context;
};

// NULL: *err says why.
struct worker *worker_new(const struct worker_options *options, struct err *err);

// Where events go (EVENT_STOP from main among them).
struct mailbox *worker_mailbox(struct worker *w);

int worker_start(struct worker *w); // 0, or a negative errno
void worker_join(struct worker *w);
void worker_free(struct worker *w);

#endif
