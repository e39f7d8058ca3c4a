#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

// luaws --estimate: what an idle connection to each of a script's servers costs in memory, found
// out with connections from the same process. Runs on a thread of its own.

#include "base/log.h"
#include "base/survey.h"

struct estimate_options {
  const char *name;  // of the script, for the table's head
  const char *query; // what clients append to the path, NULL: nothing
  enum log_level log_level;
  // Asks the worker. NULL: it has ended, or doesn't answer. The caller frees it.
  struct survey *(*survey)(void *context);
  void *context;
};

// Measures and prints. Returns the process's exit code: 1 when there was nothing to measure.
int estimate_run(const struct estimate_options *options);

#endif
