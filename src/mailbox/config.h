#ifndef MAILBOX_CONFIG_H
#define MAILBOX_CONFIG_H

// What a worker tells the reactors about a web server, a WebSocket server and a client: made and
// filled by the worker, passed by pointer in a command, immutable and reference-counted from then
// on. Times are milliseconds, sizes bytes; CONFIG_NONE switches a limit or clock off.
//
// Workers that run the same script (a pool) make the same servers: these are one for the clients.
// Each worker has a configuration of its own, and is a *member*; what they have in common is a
// *group*. The first reactor decides who belongs to which group, the others follow it.
//
// The default web server is the process's: workers of other pools may be members, too (guests).

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/tls_settings.h"
#include "mailbox/addresses.h"

struct mailbox;

#define CONFIG_NONE UINT64_MAX

struct web_config {
  atomic_uint refs;
  uint64_t id;              // unique in the process
  struct mailbox *owner;    // where its events go: a reference
  unsigned pool;            // of workers with the same script
  unsigned ordinal;         // counts the web servers of the script: members have the same one
  bool is_default;          // luaws.webServer
  bool is_placed;           // its worker wants this very host and port
  char *host;               // name, address, or "unix:/path"
  uint16_t port;            // 0: any
  char *root;               // absolute path of the static files, NULL: none
  char *page_tail;          // what goes out behind each static file of HTML, NULL: nothing
  char **trust_proxy;       // NULL-terminated array for http/proxies.h, NULL: none is trusted
  struct tls_settings *tls; // by server name; NULL: it speaks plain HTTP
  size_t tls_count;
  bool has_handler; // onRequest is asked first
  uint64_t handshake_timeout;
  uint64_t keep_alive_timeout;
  uint64_t request_timeout;  // for a request's body (then 408), and for onRequest (then 503)
  uint64_t response_timeout; // for the client to take something more of a response
  uint64_t linger_timeout; // for its FIN, after a plain response or where nothing else bounds that
  uint64_t max_body;
};

// Made by the first reactor when it has begun to listen.
struct web_group {
  atomic_uint refs;
  char *host;                  // the address that it listens at, or "unix:/path"
  uint16_t port;               // the real one
  char *name;                  // the host as its first member has called it
  bool is_secure;              // it speaks TLS
  atomic_bool is_stopped;      // set by each reactor that stops it, before clients can see that
  _Atomic uint64_t complained; // struct listener's
  _Atomic uint64_t hangups;    // the last SIGHUP (struct event_hangup) that a worker has seen to
  _Atomic uint64_t kept_in;    // the latest reload (its round) after which a member has it
};

enum slow_consumer { SLOW_CONSUMER_CLOSE, SLOW_CONSUMER_DROP };

// permessage-deflate: what is offered to peers, and how messages to them are compressed.
struct compression {
  bool on;
  bool context_takeover; // messages may refer to earlier ones, which takes memory per connection
  uint8_t level;         // 0 to 9
  uint8_t window_bits;   // 9 to 15: the largest window in either direction
  uint8_t mem_level;     // 1 to 9
  uint64_t threshold;    // shorter messages go out as they are
};

// The limits and clocks of an open WebSocket: those of a server's connections, and a client's.
struct link_config {
  uint64_t max_payload;
  uint64_t max_fragments;
  uint64_t max_message_rate; // messages a second
  uint64_t ping_interval;
  uint64_t pong_timeout;
  uint64_t close_timeout;
  uint64_t max_backpressure;
  enum slow_consumer slow_consumer;
  struct compression compression;
  _Atomic uint64_t dropped; // messages, by slow_consumer: a metric that all reactors and the owner
                            // keep. Relaxed
};

struct server_config {
  atomic_uint refs;
  uint64_t id;           // unique in the process
  uint64_t web;          // id of its web server
  struct mailbox *owner; // where its events go: a reference
  unsigned pool;         // of workers with the same script
  char *path;            // pattern, NULL: every path
  char **protocols;      // NULL-terminated array, by preference
  char **origins;        // NULL-terminated array, NULL: same host name as the request's Host
  uint64_t max_connections;
  uint64_t max_connections_per_address;
  uint64_t answer_timeout;
  uint64_t handler_timeout; // its worker's own affair
  struct link_config link;

  // Open connections of this member or such that are being answered: each reactor picks who has the
  // fewest. Kept by all reactors. Relaxed.
  _Atomic uint64_t connections;
};

// Whom a client dials, and how it introduces itself. Checked by the worker.
struct client_config {
  atomic_uint refs;
  uint64_t id;           // the client's own, unique in the process
  struct mailbox *owner; // where its events go: a reference
  char *host;            // as in a URL: "example.com", "192.0.2.1", "[::1]"
  uint16_t port;
  bool is_secure;   // wss
  char *target;     // "/chat?x=1"
  char **protocols; // NULL-terminated array, by preference; NULL: none
  char **headers;   // further ones: NULL-terminated array of names and values in turn; NULL: none
  struct tls_settings tls;
  char *proxy_host; // in the same form; NULL: it connects directly
  uint16_t proxy_port;
  bool proxy_is_secure;      // TLS to the proxy itself
  char *proxy_authorization; // the value of Proxy-Authorization, NULL: none
  uint64_t connect_timeout;  // from the look at DNS to the 101
  struct link_config link;
};

// Made by the worker of the first member.
struct server_group {
  atomic_uint refs;
  _Atomic uint64_t connections; // of all members; kept by the reactors. Relaxed
  _Atomic uint64_t listed;      // those that scripts see; kept by the workers. Relaxed
  atomic_bool is_closing;       // as web_group.is_stopped
  _Atomic uint64_t kept_in;     // the latest reload (its round) after which a member has it
  struct addresses addresses;   // of all members' connections, with maxConnectionsPerAddress
};

// With one reference and everything else zero or NULL. Strings given later are mem_dup's and
// are freed with the config.
struct web_config *web_config_new(void);
struct web_config *web_config_ref(struct web_config *c);
void web_config_unref(struct web_config *c);
// Makes copies of these its settings of TLS, in place of those that it has.
void web_config_set_tls(struct web_config *c, const struct tls_settings *list, size_t count);
// Takes `host`, which is mem_dup's. `first` is the first member's.
struct web_group *web_group_new(char *host, uint16_t port, const struct web_config *first);
struct web_group *web_group_ref(struct web_group *g);
void web_group_unref(struct web_group *g);
struct server_config *server_config_new(void);
struct server_config *server_config_ref(struct server_config *c);
void server_config_unref(struct server_config *c);
struct client_config *client_config_new(void);
struct client_config *client_config_ref(struct client_config *c);
void client_config_unref(struct client_config *c);
struct server_group *server_group_new(void);
struct server_group *server_group_ref(struct server_group *g);
void server_group_unref(struct server_group *g);

#endif
