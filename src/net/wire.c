// A duplex as a transport. Loop thread.

#include "net/wire.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"

struct wire {
  struct transport transport;
  struct list node; // on wires.closed, or on itself
  struct wires *wires;
  struct duplex *duplex;
  void *owner;
  bool reads; // what is watched
  bool writes;
  bool is_due; // to be reported as readable once, by wish
};

static struct wire *wire_of(struct transport *t) {
  return LIST_ENTRY(t, struct wire, transport);
}

static bool is_readable(const struct wire *w) {
  const struct duplex *d = w->duplex;
  return duplex_unread(d) > 0 || d->has_ended || d->is_reset || w->is_due;
}

static bool is_writable(const struct wire *w) {
  return !w->duplex->is_choked || w->duplex->is_reset;
}

static void tell_if_ready(struct wire *w) {
  if ((w->reads && is_readable(w)) || (w->writes && is_writable(w))) duplex_tell(w->duplex);
}

static ssize_t receive(struct transport *transport, void *to, size_t size) {
  struct duplex *d = wire_of(transport)->duplex;
  size_t unread = duplex_unread(d);
  if (d->is_reset) return -ECONNRESET;
  if (unread == 0) return d->has_ended ? 0 : TRANSPORT_AGAIN;
  size_t n = unread < size ? unread : size;
  memcpy(to, d->in.data + d->read, n);
  d->read += n;
  if (d->read == d->in.len) d->in.len = d->read = 0;
  return (ssize_t)n;
}

static ssize_t send_out(struct transport *transport, const struct iovec *iov, int count,
                        bool more) {
  (void)more;
  struct duplex *d = wire_of(transport)->duplex;
  if (d->is_reset) return -ECONNRESET;
  if (d->is_choked) return TRANSPORT_AGAIN;
  size_t n = 0;
  for (int i = 0; i < count; i++) {
    buf_append(&d->out, iov[i].iov_base, iov[i].iov_len);
    n += iov[i].iov_len;
  }
  return (ssize_t)n;
}

static void finish(struct transport *transport) {
  wire_of(transport)->duplex->is_finished = true;
}

static void watch(struct transport *transport, bool readable, bool writable) {
  struct wire *w = wire_of(transport);
  w->reads = readable;
  w->writes = writable;
  tell_if_ready(w);
}

static void report(struct transport *transport) {
  struct wire *w = wire_of(transport);
  w->is_due = true;
  tell_if_ready(w);
}

static bool may_toil(struct transport *transport) {
  (void)transport;
  return true;
}

// As the kernel does it: who has not read everything resets.
static void close_wire(struct transport *transport, bool reset) {
  struct wire *w = wire_of(transport);
  struct duplex *d = w->duplex;
  d->is_closed = true;
  d->was_reset = reset || duplex_unread(d) > 0;
  d->changed = NULL;
  list_remove(&d->node);
  list_push(&w->wires->closed, &w->node);
}

static const struct transport_ops OPS = {
    .recv = receive,
    .send = send_out,
    .finish = finish,
    .watch = watch,
    .report = report,
    .may_toil = may_toil,
    .close = close_wire,
};

struct transport *wire_new(struct wires *wires, struct duplex *d, const struct transport_user *user,
                           void *owner) {
  struct wire *w = mem_zalloc(sizeof *w);
  w->transport = (struct transport){.ops = &OPS, .user = user};
  list_init(&w->node);
  w->wires = wires;
  w->duplex = d;
  w->owner = owner;
  w->reads = true;
  d->ends++;
  d->changed = &wires->changed;
  d->transport = &w->transport;
  tell_if_ready(w);
  return &w->transport;
}

void *wire_owner(struct transport *t) {
  return wire_of(t)->owner;
}

struct duplex *wire_duplex(struct transport *t) {
  return wire_of(t)->duplex;
}

// The loop ----------------------------------------------------------------------------------------

void wires_init(struct wires *w) {
  list_init(&w->changed);
  list_init(&w->closed);
}

// Whoever is still ready afterwards is told again in the next turn.
static bool report_one(struct duplex *d) {
  struct wire *w = wire_of(d->transport);
  bool readable = w->reads && is_readable(w), writable = w->writes && is_writable(w);
  if (!readable && !writable) return false;
  w->is_due = false;
  d->ends++; // it may be closed meanwhile
  w->transport.user->on_ready(&w->transport, readable, writable);
  if (!d->is_closed) tell_if_ready(w);
  duplex_release(d);
  return true;
}

bool wires_report(struct wires *w) {
  struct list now;
  bool has_told = false;
  list_init(&now);
  list_splice(&now, &w->changed);
  for (struct list *node; (node = list_pop(&now));)
    has_told = report_one(LIST_ENTRY(node, struct duplex, node)) || has_told;
  return has_told;
}

void wires_sweep(struct wires *w) {
  for (struct list *node; (node = list_pop(&w->closed));) {
    struct wire *wire = LIST_ENTRY(node, struct wire, node);
    wire->transport.user->on_closed(&wire->transport);
    duplex_release(wire->duplex);
    mem_free(wire);
  }
}
