#ifndef INSTRUCTIONS_STAGE_H
#define INSTRUCTIONS_STAGE_H

// A reactor and a worker's runtime as they are, but both turned by the caller, on one thread: so
// the same work is always done in the same order, and counts repeat exactly. Main thread.

#include <stdint.h>
#include "mailbox/mailbox.h"
#include "reactor/reactor.h"
#include "script/runtime.h"

// Whose turns callgrind counts.
enum stage_part { STAGE_NOTHING, STAGE_REACTOR, STAGE_WORKER };

struct stage {
  struct reactor *reactor;
  struct mailbox *commands; // the reactor's
  struct mailbox *events;   // the worker's
  struct pool pool;
  struct roster roster;
  struct seat *seat;
  struct stats stats;
  struct ids ids;
  struct worker_options options;
  struct runtime runtime;
  enum stage_part counted;
  uint16_t port;
};

// Runs the script, which starts luaws.webServer, with one argument. Explains and exits when that
// fails.
void stage_open(struct stage *s, const char *script, const char *argument);

// No connection may be left.
void stage_close(struct stage *s);

// The reactor's turn, the worker's, the reactor's again.
void stage_turn(struct stage *s);

// How many connections the script has.
uint64_t stage_connections(const struct stage *s);

// What has been counted goes into a file of its own, whose head has `label`.
void stage_dump(const char *label);

#endif
