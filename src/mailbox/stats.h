#ifndef MAILBOX_STATS_H
#define MAILBOX_STATS_H

// Counters of what a reactor or a worker has done since the start, for luaws.stats(). Each struct
// has one writer, whoever runs that reactor or worker, and any number of readers: so relaxed loads
// and stores do, without a read-modify-write. A sum over all of them is of no single moment.

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

// What is counted by HTTP status or close code.
enum {
  STATS_STATUS_MIN = 100,
  STATS_STATUSES = 500,
  STATS_CODE_MIN = 1000, // the protocol's close codes...
  STATS_CODES = 16,
  STATS_OWN_CODE_MIN = 3000, // ...and those of programs
  STATS_OWN_CODES = 2000,
};

// As in base/err.h.
enum stats_component {
  STATS_LUAW,
  STATS_LUA_,
  STATS_UV__,
  STATS_OSSL,
  STATS_ZLIB,
  STATS_COMPONENTS
};

// WebSockets by close code.
struct stats_closed {
  _Atomic uint64_t codes[STATS_CODES];
  _Atomic uint64_t own_codes[STATS_OWN_CODES];
};

struct stats {
  // Of a reactor.
  _Atomic uint64_t accepted;    // sockets
  _Atomic uint64_t tls_failed;  // of these: no TLS handshake came about
  _Atomic uint64_t requests;    // plain HTTP requests
  _Atomic uint64_t connections; // WebSockets of servers that are open now
  _Atomic uint64_t opened;      // and that ever were
  _Atomic uint64_t clients;     // the same of clients
  _Atomic uint64_t clients_opened;
  _Atomic uint64_t clients_failed; // those that have never been open
  _Atomic uint64_t received_messages;
  _Atomic uint64_t received_bytes; // of these messages
  _Atomic uint64_t received_wire;  // bytes read from sockets
  _Atomic uint64_t sent_wire;      // and written
  _Atomic uint64_t undelivered;    // commands for connections that are gone

  // Of both: a worker's send, a reactor's deliveries of broadcasts and publishes.
  _Atomic uint64_t sent_messages;
  _Atomic uint64_t sent_bytes; // of these messages
  _Atomic uint64_t dropped;    // messages, by slowConsumer

  // Of a worker.
  _Atomic uint64_t errors[STATS_COMPONENTS];

  // Of a reactor: requests by status, its servers' connections and its clients by close code.
  _Atomic uint64_t refused[STATS_STATUSES];
  struct stats_closed closed;
  struct stats_closed clients_closed;
};

// All of a process. Who reads them holds the lock.
struct stats_all {
  uint64_t started_at; // ms of base/clock.h
  pthread_mutex_t lock;
  unsigned count;
  const struct stats **parts;
  struct stats gone; // what those have counted that are no more
};

void stats_all_init(struct stats_all *all);
void stats_all_deinit(struct stats_all *all);

// `part` must stay until it is removed: what it has counted then goes on to count.
void stats_all_add(struct stats_all *all, const struct stats *part);
void stats_all_remove(struct stats_all *all, const struct stats *part);

// Of the counter's writer. `n` may be negative in two's complement.
static inline void stats_add(_Atomic uint64_t *counter, uint64_t n) {
  uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

// Statuses and codes beyond the tables aren't counted: there are none.
void stats_refused(struct stats *s, int status);
void stats_closed(struct stats_closed *s, unsigned code);
void stats_error(struct stats *s, const char *component);

// The four letters.
const char *stats_component_name(enum stats_component component);

#endif
