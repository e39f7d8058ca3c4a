#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

// One WebSocket client of the load generator. It sends numbered messages and checks, as the bytes
// come in, that the messages it gets are the ones it must get, in order. One thread.
//
// It takes any framing that a server may choose (fragments, any length encoding, control frames in
// between) and answers pings.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleet.h"
#include "ws/frame.h"

// The key of RFC 6455, section 1.3: every client sends the same.
#define CLIENT_KEY "dGhlIHNhbXBsZSBub25jZQ=="

enum client_state {
  CLIENT_CLOSED,
  CLIENT_CONNECTING,
  CLIENT_HANDSHAKE, // the request is sent
  CLIENT_OPEN,
  CLIENT_CLOSING, // our close frame is sent
};

struct client {
  struct fleet *fleet;
  struct wire *wire; // NULL: without TLS
  int fd;
  uint32_t index;
  uint8_t state;   // enum client_state
  bool close_seen; // the server's close frame has come
  uint32_t sent;   // messages (or pings) since it was opened; their numbers count from 0
  uint32_t received;
  uint64_t *sent_at;  // ns, of the last fleet->ring messages
  uint64_t opened_at; // ns
  // what comes in
  struct ws_frame_header frame; // in progress
  uint64_t left;                // payload bytes of it to come
  size_t message_at;            // bytes of the message in progress that have come
  bool in_frame;
  bool in_message;
  uint8_t head_len;
  uint8_t control_len;
  uint8_t head[WS_FRAME_HEADER_MAX]; // a header that came in pieces
  uint8_t control[WS_CONTROL_MAX];
  uint8_t *gathered; // PAYLOAD_JSON: a message that came in pieces
  char *response;    // the server's answer to the handshake, while it comes
  size_t response_len;
  // what the kernel didn't take
  uint8_t *pending;
  size_t pending_len;
};

// `c` is zeroed before its first use; a closed client may be opened again. Ends in on_open, or in
// one more of fleet->errors, as everything that goes wrong with a client: what and why is printed,
// the socket is gone, no function of the fleet is called any more for it.
void client_open(struct client *c, struct fleet *f, uint32_t index);

// Lets the client do what epoll found it ready for.
void client_serve(struct client *c, uint32_t events);

// Adds its next message, sent (or meant to be sent) at `at`, to what fleet_flush will send.
void client_send(struct client *c, uint64_t at);

// The same with a ping. Its pong counts as a message that comes, and answers the pings before it,
// as the RFC permits.
void client_ping(struct client *c, uint64_t at);

// When message `number` was sent.
static inline uint64_t client_sent_at(const struct client *c, uint32_t number) {
  return c->sent_at[number & (c->fleet->ring - 1)];
}

// Starts the closing handshake; on_closed follows when the server has closed the socket.
void client_close(struct client *c);

// Drops the socket at once and frees what the client holds.
void client_destroy(struct client *c);

// For fleet.c: sends bytes, or keeps what the kernel doesn't take.
void client_send_bytes(struct client *c, const uint8_t *p, size_t n);

#endif
