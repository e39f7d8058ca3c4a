#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

// One WebSocket client of the load generator, and what all of them have in common. A client sends
// numbered messages and checks, byte by byte and as the bytes come in, that the messages it gets
// are the ones it must get, in order: a message begins with the number of the client that sent it
// and its sequence number, and goes on with printable text chosen by both. One thread.
//
// It takes any framing that a server may choose (fragments, any length encoding, control frames in
// between) and answers pings.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include "ws/frame.h"

#define CLIENT_SIZE_MIN 16 // bytes of a message: its two numbers
#define CLIENT_SIZE_MAX (16 << 20)
#define CLIENT_READ     (512 << 10) // bytes taken from a socket at once

enum client_state {
  CLIENT_CLOSED,
  CLIENT_CONNECTING,
  CLIENT_HANDSHAKE, // the request is sent
  CLIENT_OPEN,
  CLIENT_CLOSING, // our close frame is sent
};

struct client {
  struct fleet *fleet;
  int fd;
  uint32_t index;
  uint8_t state;   // enum client_state
  bool close_seen; // the server's close frame has come
  uint32_t sent;   // messages since it was opened; their sequence numbers count from 0
  uint32_t received;
  uint64_t opened_at; // ns
  uint64_t *sent_at;  // ns, of the last fleet->ring messages
  // what comes in
  char *response; // the server's answer to the handshake, while it comes
  size_t response_len;
  struct ws_frame_header frame; // in progress
  uint64_t left;                // payload bytes of it to come
  uint8_t head[WS_FRAME_HEADER_MAX];
  uint8_t head_len; // a header that came in pieces
  bool in_frame;
  bool in_message;
  uint8_t control_len;
  size_t message_at; // bytes of the message in progress that are checked
  uint8_t expected[CLIENT_SIZE_MIN];
  uint8_t control[WS_CONTROL_MAX];
  // what the kernel didn't take
  uint8_t *pending;
  size_t pending_len;
};

struct fleet {
  // set by the user before the first client is opened
  struct sockaddr_in address;
  const char *path;
  size_t size; // of a message, CLIENT_SIZE_MIN to CLIENT_SIZE_MAX
  bool is_binary;
  bool one_sender; // every message that comes is client 0's (a broadcast), not the client's own
  uint32_t ring;   // a power of two: messages of one client that may be on their way
  void *context;
  void (*on_open)(struct client *c);
  void (*on_message)(struct client *c); // number c->received - 1 is whole and right
  void (*on_closed)(struct client *c);  // after client_close, in order
  // the fleet's own
  int epoll;
  uint64_t now; // ns, when the last bytes came
  uint32_t errors;
  uint64_t random;
  char *request;
  uint8_t *text; // what messages are cut from
  uint8_t *in;   // CLIENT_READ bytes
  uint8_t *out;  // frames for `writer`, sent together
  size_t out_len;
  size_t out_cap;
  struct client *writer;
};

void fleet_init(struct fleet *f);
void fleet_deinit(struct fleet *f);

// Sends what client_send has gathered.
void fleet_flush(struct fleet *f);

// `c` is zeroed before its first use; a closed client may be opened again. Ends in on_open, or in
// one more fleet->errors, as everything that goes wrong with a client: what and why is printed,
// the socket is gone, no function of the fleet is called any more for it.
void client_open(struct client *c, struct fleet *f, uint32_t index);

// Lets the client do what epoll found it ready for.
void client_serve(struct client *c, uint32_t events);

// Adds its next message, sent (or meant to be sent) at `at`, to what fleet_flush will send.
void client_send(struct client *c, uint64_t at);

// When message `number` was sent.
static inline uint64_t client_sent_at(const struct client *c, uint32_t number) {
  return c->sent_at[number & (c->fleet->ring - 1)];
}

// Starts the closing handshake; on_closed follows when the server has closed the socket.
void client_close(struct client *c);

// Drops the socket at once and frees what the client holds.
void client_destroy(struct client *c);

#endif
