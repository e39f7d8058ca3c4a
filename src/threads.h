#ifndef THREADS_H
#define THREADS_H

// The program's threads, put together: reactors and workers are made, run until all workers have
// ended, and freed. Main thread.

#include "cli/options.h"
#include "terminal.h"

// Runs the script to its end, or to that which a signal asks for. `program` is argv[0], `terminal`,
// which is closed at the end, may be NULL. Returns the process's exit code.
int threads_run(const struct options *options, const char *program, struct terminal *terminal);

#endif
