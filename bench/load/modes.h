#ifndef BENCH_MODES_H
#define BENCH_MODES_H

// What the generator can do to a server. One thread.

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/types.h>
#include "histogram.h"

struct options {
  const char *mode;
  struct sockaddr_in address;
  const char *path;
  uint32_t connections;
  uint32_t inflight; // messages of one connection (rounds of a broadcast) on their way at once
  size_t size;       // bytes of a message
  double seconds;    // measured
  double warmup;     // seconds before
  double rate;       // messages per second of all connections together
  pid_t pid;         // of the server; 0: its cost isn't measured
  bool is_binary;
  bool spin; // rate: never sleep
  bool hold; // idle: stay until stdin ends
};

struct result {
  uint32_t opened;        // connections
  uint32_t errors;        // the first one ends the run
  double seconds;         // really measured
  uint64_t messages;      // echoes, deliveries of a broadcast, or connects, in that time
  double own_cpu;         // share of one core that the generator used
  double server_cpu;      // the same of the server
  uint64_t server_ns;     // processor time of the server
  uint64_t memory_before; // idle: bytes of the server with `memory_base` connections,
  uint32_t memory_base;
  uint64_t memory_open;     // with all of them, and
  uint64_t memory_used;     // after each has had an echo
  struct histogram latency; // ns
};

// Runs the mode and fills *result. Returns 0, or ERR_INVALID for a mode that doesn't exist.
int modes_run(const struct options *options, struct result *result);

// Their names, for the usage line.
extern const char modes_names[];

#endif
