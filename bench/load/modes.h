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
  double patience;   // seconds for what is on its way to come home
  double rate;       // messages per second of all connections together
  pid_t pid;         // of the server; 0: its cost isn't measured
  bool is_binary;
  bool is_json;
  bool is_secure;          // over TLS
  bool resumes;            // over TLS, with tickets of connections before
  bool pings;              // rate: instead of messages
  bool sleeps;             // rate: even where it has a core of its own
  bool spins;              // rate: even where it hasn't
  uint32_t heavy;          // rate: further connections, whose messages are work for the server,
  double heavy_rate;       // so many per second; 0: one of each connection always on its way
  const char *heavy_path;  // where they connect to
  uint32_t hangups;        // rate: SIGHUPs that the server gets while it is measured
  const char *memory_path; // idle: where the server tells how much memory its script holds; or NULL
  bool hold;               // idle: stay until stdin ends
};

// Bytes at one moment.
struct memory {
  uint64_t server; // in the server's process
  uint64_t script; // of them its script's; 0: not known
  uint64_t kernel; // for all processes
};

struct result {
  uint32_t opened;      // connections
  uint32_t errors;      // the first one ends the run
  uint64_t resumed;     // TLS connections
  double seconds;       // really measured
  uint64_t messages;    // echoes, pongs, deliveries of a broadcast, or connects, in that time
  uint64_t heavy;       // rate: work that was done meanwhile
  double own_cpu;       // share of one core that the generator used
  double server_cpu;    // the same of the server
  uint64_t server_ns;   // processor time of the server
  bool limited;         // the generator had no time to spare, but the server had
  bool spun;            // it didn't sleep
  struct memory before; // idle: with `base` connections,
  uint32_t base;
  struct memory untouched;  // with all of them, and
  struct memory used;       // after each has had an echo
  struct histogram latency; // ns
  struct histogram late;    // rate: ns from when a message was due to when it was sent
};

// Runs the mode and fills *result. Returns 0, or ERR_INVALID for a mode that doesn't exist.
int modes_run(const struct options *options, struct result *result);

// Their names, for the usage line.
extern const char modes_names[];

// The modes, each in its file.
void mode_echo(const struct options *options, struct result *result);
void mode_rate(const struct options *options, struct result *result);
void mode_connect(const struct options *options, struct result *result);
void mode_idle(const struct options *options, struct result *result);
void mode_broadcast(const struct options *options, struct result *result);

#endif
