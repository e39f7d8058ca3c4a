#ifndef BENCH_RUN_H
#define BENCH_RUN_H

// One run of the generator: what its modes share. One thread.

#include <stdbool.h>
#include <stdint.h>
#include "fleet.h"
#include "modes.h"

#define RUN_SECOND  1000000000u
#define RUN_FOREVER UINT64_MAX

struct run {
  const struct options *options;
  struct result *result;
  void *mode; // what the mode needs besides
  int epoll;
  struct wires *wires; // with --tls
  uint32_t errors;     // the first one ends the run
  struct fleet fleet;  // the clients whose messages count
  bool sending;        // false: what is on its way may come home
  bool measuring;
  bool spinning;                       // it never sleeps
  void (*on_turn)(struct run *run);    // something may be due; NULL: nothing ever is
  void (*on_watched)(struct run *run); // the descriptor of run_watch can be read
};

// Fills *result, in which nothing is measured yet. The fleet gets the options' clients; what the
// mode has set in it before stays.
void run_init(struct run *run, const struct options *options, struct result *result);
void run_deinit(struct run *run);

// Prepares another fleet, or the run's own, whose callbacks and `capacity` are set.
void run_init_fleet(struct run *run, struct fleet *f);

// Ends the run, and says why if nothing has ended it before.
void run_complain(struct run *run, const char *what);

// Serves until `deadline` (ns, clock_ns). True when `is_done` (NULL: never) says so; false at the
// deadline or after an error.
bool run_until(struct run *run, uint64_t deadline, bool (*is_done)(const struct run *run));

// The same for so many seconds from now, at most.
bool run_for(struct run *run, double seconds, bool (*is_done)(const struct run *run));

// Has on_watched called when `fd` can be read. One descriptor a run.
void run_watch(struct run *run, int fd);

// Opens this fleet's clients, up to `wanted`.
void run_open(struct run *run, struct fleet *f, uint32_t wanted);

// Warms up, then counts for the seconds asked for.
void run_measure(struct run *run);

// Counts a message that was sent at `since` (ns).
void run_record(struct run *run, uint64_t since);

// Stops sending and waits until `is_done`. Otherwise it complains.
void run_drain(struct run *run, bool (*is_done)(const struct run *run), const char *otherwise);

// For run_drain: each message of the run's fleet has come.
bool run_is_home(const struct run *run);

#endif
