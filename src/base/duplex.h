#ifndef BASE_DUPLEX_H
#define BASE_DUPLEX_H

// A connection that is only memory: what two ends of one thread have told each other. One end is a
// transport (net/wire.h), the other a peer that the program plays itself. Each end reads and writes
// the members here; whoever lets go last frees it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/list.h"

struct transport;

struct duplex {
  // The peer's to write.
  struct buf in;  // what it has sent; the first `read` bytes have been read
  bool has_ended; // behind that, its FIN
  bool is_reset;  // its RST, or the network is gone: nothing comes or goes any more
  bool is_choked; // it reads nothing: the transport can't send
  // The transport's.
  size_t read;
  struct buf out;   // what it has sent; the peer consumes it
  bool is_finished; // behind that, FIN
  bool is_closed;   // the socket is closed, so that nothing more comes...
  bool was_reset;   // ...and with RST
  uint64_t id;      // of the connection that is made of it (mailbox/event.h), 0: of none yet
  // Of both.
  struct list node;     // on the transport's list of those that the peer has changed
  struct list *changed; // that list; NULL: there is no transport any more
  struct transport *transport;
  unsigned ends; // that hold on to it
};

// Who the peer pretends to be.
struct duplex_client {
  const char *address; // numeric
  uint16_t port;
  bool is_secure; // as if by TLS
};

// With one end so far.
struct duplex *duplex_new(void);

// One end lets go.
void duplex_release(struct duplex *d);

// The peer has changed something: the transport looks at it in its next turn.
void duplex_tell(struct duplex *d);

// The peer sends.
void duplex_send(struct duplex *d, const void *bytes, size_t n);

static inline size_t duplex_unread(const struct duplex *d) {
  return d->in.len - d->read;
}

#endif
