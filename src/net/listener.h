#ifndef NET_LISTENER_H
#define NET_LISTENER_H

// A listening socket that accepts by itself: libuv's own accept closes clients unseen when the
// descriptors run out; this one pauses, says so once a minute, and goes on. Loop thread.

#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "net/address.h"

struct listener;

struct listener {
  uv_poll_t poll;
  uv_timer_t retry;   // runs while accepting is paused
  int fd;             // -1: closed
  int handles;        // of the two above, not yet closed
  char *unix_path;    // to be removed at the end, or NULL
  struct address own; // where it listens
  uint16_t port;      // the real one
  // ms: when the log was last told that nothing can be accepted. The listeners of one port share
  // it.
  _Atomic uint64_t *complained;
  // Gets each accepted socket, non-blocking; it is the callee's now.
  void (*on_accept)(struct listener *l, int fd, const struct address *peer);
  void (*on_closed)(struct listener *l);
};

// How many listen on one port: the kernel spreads connections over those that share it. Unix
// sockets can't be shared.
enum listener_share {
  LISTENER_ALONE,
  LISTENER_FIRST, // others may follow; the port must be as free as for one alone
  LISTENER_NEXT,  // joins a first one of this process
};

// Binds and listens. 0; or negative with *err for people: "port 8080 is in use (try --port)",
// "bad host 'x': ...". Then nothing needs closing. on_accept and on_closed must be set before,
// `complained` before the loop runs.
int listener_open(struct listener *l, uv_loop_t *loop, const char *host, uint16_t port,
                  enum listener_share share, struct err *err);

// Where it listens, as text: a numeric address. Not for a unix socket.
#define LISTENER_HOST_MAX 64
void listener_host(const struct listener *l, char text[LISTENER_HOST_MAX]);

// Stops listening at once; on_closed follows from the loop. The memory must stay until then.
void listener_close(struct listener *l);

#endif
