#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

// Bytes on a connected socket, whatever carries them: TCP and unix sockets (net/tcp), TLS over one
// of these. All calls belong to the loop's thread.

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

// What recv and send return besides a number of bytes: TRANSPORT_AGAIN, or a negative errno.
#define TRANSPORT_AGAIN (-5201)

struct transport_ops {
  // Reads up to `size` bytes. 0: the peer has finished sending.
  ssize_t (*recv)(struct transport *t, void *to, size_t size);

  // Writes what the kernel takes now, perhaps only a part.
  ssize_t (*send)(struct transport *t, const struct iovec *iov, int count);

  // Sends FIN (half-close); what was written before still arrives.
  void (*finish)(struct transport *t);

  // Which readiness on_ready shall report from now on.
  void (*watch)(struct transport *t, bool readable, bool writable);

  // Closes the socket; `reset`: with RST, dropping what waits in the kernel. on_closed follows,
  // once, from the loop; the memory must stay until then. Nothing else is reported any more.
  void (*close)(struct transport *t, bool reset);
};

struct transport {
  const struct transport_ops *ops;
  // Set by the owner before the first watch. An error of the socket is reported as readable: recv
  // tells which.
  void (*on_ready)(struct transport *t, bool readable, bool writable);
  void (*on_closed)(struct transport *t);
};

#endif
