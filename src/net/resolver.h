#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

// Names looked up without waiting: in libuv's threads, by the system's own resolver. Loop thread.

#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "net/address.h"

// Of one name; further ones are left out.
#define RESOLVER_ADDRESSES_MAX 16

struct resolver; // private: one look-up

// Looks `host` up, for connecting to `port` by TCP. on_done follows from the loop, once, and the
// resolver is gone then: `list` has `count` addresses in the order of the system's preference (RFC
// 6724); or `count` is 0, and *err tells why in words for people ("can't find host 'x'"). NULL: the
// same at once.
struct resolver *resolver_start(uv_loop_t *loop, const char *host, uint16_t port,
                                void (*on_done)(void *owner, const struct address *list, int count,
                                                const struct err *err),
                                void *owner, struct err *err);

// on_done won't follow. The system's resolver can't be interrupted: the loop stays alive until it
// has come back.
void resolver_cancel(struct resolver *r);

#endif
