#ifndef CLI_CLIENTS_H
#define CLI_CLIENTS_H

// WebSocket clients that are nothing but a descriptor each, so that a server in the same process
// can be measured beside them: they open, read what comes and forget it, and close. One thread.

#include <poll.h>
#include <stdint.h>

struct clients {
  struct pollfd *open; // with room for `max`
  unsigned count;
  unsigned max;
};

// How a client introduces itself.
struct clients_request {
  uint16_t port;        // on 127.0.0.1
  const char *target;   // "/path"
  const char *protocol; // a subprotocol to offer, NULL: none
};

// What a server can answer instead of an HTTP status.
enum { CLIENTS_OPENED = 101, CLIENTS_SILENT = 0, CLIENTS_LOST = -1 };

void clients_init(struct clients *c, unsigned max);

// Opens so many more, at most `max` altogether; stops when one is refused. Returns CLIENTS_OPENED,
// or what the first one that didn't get through was answered: an HTTP status, CLIENTS_SILENT
// (nothing in time) or CLIENTS_LOST (the connection was).
int clients_open(struct clients *c, const struct clients_request *request, unsigned count);

// For so many ms, reads and forgets what comes. Who is closed by the server is closed here too.
void clients_drain(struct clients *c, int ms);

void clients_close(struct clients *c);

// Closes, frees.
void clients_deinit(struct clients *c);

#endif
