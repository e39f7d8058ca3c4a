#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

// The bytes of one client's socket, as they are or within TLS (1.3, AES-128-GCM, X25519: the same
// for every server). Certificates aren't verified. One thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wires; // what all clients' TLS has in common
struct wire;  // one client's TLS

// NULL when there is none to be had, which it has told. `resumes`: who connects again shows the
// ticket of whoever has connected before.
struct wires *wires_new(bool resumes);

// NULL is fine.
void wires_free(struct wires *w);

// How many connections have been resumed.
uint64_t wires_resumed(const struct wires *w);

// For a socket that connects or is connected; it stays the caller's.
struct wire *wire_new(struct wires *w, int fd);
void wire_free(struct wire *w); // NULL is fine

// As recv and send, with MSG_NOSIGNAL; `w` NULL: without TLS. What has been refused with EAGAIN
// must be sent again before anything else.
ssize_t wire_recv(struct wire *w, int fd, void *to, size_t size);
ssize_t wire_send(struct wire *w, int fd, const void *from, size_t size);

#endif
