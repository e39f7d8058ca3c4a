#ifndef REACTOR_CLIENT_TLS_H
#define REACTOR_CLIENT_TLS_H

// What clients' settings of TLS have been made into: kept, since to read a file of authorities may
// take as long as a hundred handshakes. Loop thread.

#include "base/err.h"
#include "base/tls_settings.h"

struct reactor;
struct tls_context;

// The context for such settings, with a reference that is the caller's: a kept one, unless one of
// their files has changed. NULL with *err.
struct tls_context *client_tls(struct reactor *r, const struct tls_settings *settings,
                               struct err *err);

// The reactor ends.
void client_tls_drop(struct reactor *r);

#endif
