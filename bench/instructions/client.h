#ifndef INSTRUCTIONS_CLIENT_H
#define INSTRUCTIONS_CLIENT_H

// Clients whose sockets don't block: they are served between the server's turns. Main thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
  int fd;
  const uint8_t *out; // what is still to be sent
  size_t out_len;
};

// Connects and asks for an upgrade.
void client_open(struct client *c, uint16_t port);

// Resets the connection.
void client_close(struct client *c);

// Reads the response when it is there, whole: true when it is the 101.
bool client_accepted(struct client *c);

// Says `n` bytes at `p`, which must stay there until client_send has sent them.
void client_say(struct client *c, const uint8_t *p, size_t n);

// Sends as much of it as goes.
void client_send(struct client *c);

// Reads what is there, at most `n` bytes; returns how many.
size_t client_receive(struct client *c, uint8_t *p, size_t n);

#endif
