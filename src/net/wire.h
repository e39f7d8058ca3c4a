#ifndef NET_WIRE_H
#define NET_WIRE_H

// A transport without a network: its bytes come from and go to a duplex (base/duplex.h). What is
// reported, and when, is as for a socket whose readiness is told by level. Loop thread, which is
// the peer's too.

#include <stdbool.h>
#include "base/duplex.h"
#include "net/transport.h"

// Those of one loop.
struct wires {
  struct list changed; // struct duplex.node: to be looked at
  struct list closed;  // struct wire.node: on_closed is to be told
};

void wires_init(struct wires *w);

// Tells each user what is possible of what it watches. False: there was nothing to tell.
bool wires_report(struct wires *w);

// Tells on_closed, and frees those it was told about. While nobody holds on to one.
void wires_sweep(struct wires *w);

// A transport over `d`, one of whose ends it takes. `user` finds `owner` by wire_owner. Reading is
// watched at first.
struct transport *wire_new(struct wires *w, struct duplex *d, const struct transport_user *user,
                           void *owner);
void *wire_owner(struct transport *t);
struct duplex *wire_duplex(struct transport *t);

#endif
