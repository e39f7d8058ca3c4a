#ifndef NET_CONNECTOR_H
#define NET_CONNECTOR_H

// A TCP connection to whichever of several addresses answers first, in the manner of RFC 8305
// ("happy eyeballs"): the families take turns, each address gets a quarter of a second before the
// next one is tried beside it, and none once it has failed. How long that may take altogether is
// the owner's business. Loop thread.

#include <uv.h>
#include "base/err.h"
#include "net/address.h"

struct connector; // private

// Begins to connect to the `count` addresses, which are copied. on_done follows from the loop,
// once: `fd` is connected and non-blocking, and the callee's; or negative: no address can be
// connected to.
struct connector *connector_new(uv_loop_t *loop, const struct address *list, int count,
                                void (*on_done)(void *owner, int fd), void *owner);

// What has become of each address so far, for people: "can't connect to localhost:8080: connection
// refused (127.0.0.1, ::1)". `to`: what the owner calls the other side. The error's code is that of
// the first address that has failed, UV_ETIMEDOUT where none has.
void connector_explain(const struct connector *c, const char *to, struct err *err);

// Gives up what is under way; on_done won't follow any more. Also to be called behind on_done. The
// memory goes when the loop has let go of it.
void connector_free(struct connector *c);

#endif
