#ifndef MAILBOX_CONFIG_H
#define MAILBOX_CONFIG_H

// What a worker tells the reactors about a web server and a WebSocket server: made and filled by
// the worker, passed by pointer in a command, immutable and reference-counted from then on. Times
// are milliseconds, sizes bytes; CONFIG_NONE switches a limit or clock off.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;

#define CONFIG_NONE UINT64_MAX

struct web_config {
  atomic_uint refs;
  uint64_t id;           // unique in the process
  struct mailbox *owner; // where its events go
  char *host;            // name, address, or "unix:/path"
  uint16_t port;         // 0: any
  char *root;            // absolute path of the static files, NULL: none
  bool has_handler;      // onRequest is asked first
  uint64_t handshake_timeout;
  uint64_t keep_alive_timeout;
  uint64_t request_timeout; // for a request's body (then 408), and for onRequest (then 503)
  size_t max_body;
};

enum slow_consumer { SLOW_CONSUMER_CLOSE, SLOW_CONSUMER_DROP };

struct server_config {
  atomic_uint refs;
  uint64_t id;           // unique in the process
  uint64_t web;          // id of its web server
  struct mailbox *owner; // where its events go
  char *path;            // pattern, NULL: every path
  char **protocols;      // NULL-terminated array, by preference
  char **origins;        // NULL-terminated array, NULL: same host name as the request's Host
  uint64_t max_payload;
  uint64_t max_fragments;
  uint64_t max_connections;
  uint64_t max_connections_per_address;
  uint64_t max_message_rate; // messages a second
  uint64_t ping_interval;
  uint64_t pong_timeout;
  uint64_t answer_timeout;
  uint64_t close_timeout;
  uint64_t max_backpressure;
  enum slow_consumer slow_consumer;

  // Metrics, kept by all reactors and the owner. Relaxed.
  _Atomic uint64_t connections; // open or being answered
  _Atomic uint64_t dropped;     // messages, by slow_consumer
};

// With one reference and everything else zero or NULL. Strings given later are mem_dup's and
// are freed with the config.
struct web_config *web_config_new(void);
struct web_config *web_config_ref(struct web_config *c);
void web_config_unref(struct web_config *c);
struct server_config *server_config_new(void);
struct server_config *server_config_ref(struct server_config *c);
void server_config_unref(struct server_config *c);

#endif
