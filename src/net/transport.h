#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

// Bytes on a connected socket, whatever carries them: TCP and unix sockets (net/tcp), TLS over
// another transport (net/tls). All calls belong to the loop's thread.

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

// What recv and send return besides a number of bytes: one of these, or a negative errno.
#define TRANSPORT_AGAIN      (-5201)
#define TRANSPORT_FAILED     (-5202) // TLS has found something wrong: tls_failure tells what
#define TRANSPORT_PLAIN_HTTP (-5203) // TLS, server role: the peer has begun to speak without it

struct transport_ops {
  // Reads up to `size` bytes. 0: the peer has finished sending.
  ssize_t (*recv)(struct transport *t, void *to, size_t size);

  // Writes what the kernel takes now, perhaps only a part. `more`: further bytes or finish follow
  // at once, so that these may wait for them.
  ssize_t (*send)(struct transport *t, const struct iovec *iov, int count, bool more);

  // Sends FIN (half-close); what was written before still arrives.
  void (*finish)(struct transport *t);

  // Which readiness on_ready shall report from now on.
  void (*watch)(struct transport *t, bool readable, bool writable);

  // on_ready shall tell in the next turn of the loop that there is something to read, if that is
  // watched, though the socket may be silent: who is above has read something and not used it yet.
  void (*report)(struct transport *t);

  // Whether a piece of work that takes a millisecond may be done now. Only a few are in a turn of
  // the loop, so that one connection doesn't wait for hundreds of others' handshakes: who gets a
  // no asks again when on_ready comes by `report`.
  bool (*may_toil)(struct transport *t);

  // Closes the socket; `reset`: with RST, dropping what waits in the kernel. on_closed follows,
  // once, from the loop; the memory must stay until then. Nothing else is reported any more.
  void (*close)(struct transport *t, bool reset);
};

// Who reads and writes it.
struct transport_user {
  // An error of the socket is reported as readable: recv tells which. What can be read is reported
  // again after a recv that has filled its buffer, not after one that has not been called.
  void (*on_ready)(struct transport *t, bool readable, bool writable);
  void (*on_closed)(struct transport *t);
};

struct transport {
  const struct transport_ops *ops;
  const struct transport_user *user;
};

#endif
