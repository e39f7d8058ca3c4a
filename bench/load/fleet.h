#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

// Clients that do the same, and what they have in common. One thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include "payload.h"

#define FLEET_READ   (512 << 10) // bytes taken from a socket at once
#define FLEET_WINDOW 100         // connects at once: fewer than any server's backlog

struct client;
struct wires;

struct fleet {
  // set by the user before fleet_init
  int epoll;           // its clients' sockets are waited for there, with the client as data
  uint32_t *errors;    // counts what goes wrong
  struct wires *wires; // NULL: without TLS
  struct sockaddr_in address;
  const char *path;
  enum payload_kind kind;
  size_t size; // of a message
  bool is_binary;
  bool one_sender;   // every message that comes is client 0's (a broadcast), not the client's own
  uint32_t capacity; // clients
  uint32_t window;   // connects at once; 0: FLEET_WINDOW
  uint32_t ring;     // messages of one client that may be on their way; made a power of two
  void *context;
  void (*on_open)(struct client *c);    // NULL: nothing
  void (*on_message)(struct client *c); // number c->received - 1 is whole and right, or answered
  void (*on_closed)(struct client *c);  // after client_close, in order
  // for all to read
  struct client *clients;
  uint32_t wanted;
  uint32_t started; // opening or open
  uint32_t open;
  uint64_t now; // ns, when the last bytes came
  // the clients' own
  struct payload payload;
  uint64_t random;
  char *request;
  uint8_t *in;  // FLEET_READ bytes
  uint8_t *out; // frames for `writer`, sent together
  size_t out_len;
  size_t out_cap;
  struct client *writer;
};

void fleet_init(struct fleet *f);

// Drops all sockets.
void fleet_deinit(struct fleet *f);

// Opens clients until `wanted` are (f->open tells when), up to f->capacity.
void fleet_open(struct fleet *f, uint32_t wanted);

// Sends what client_send has gathered.
void fleet_flush(struct fleet *f);

// Whether each message that was sent has come.
bool fleet_is_home(const struct fleet *f);

// For client.c: a client is open now.
void fleet_on_open(struct client *c);

#endif
