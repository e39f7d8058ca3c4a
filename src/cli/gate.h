#ifndef CLI_GATE_H
#define CLI_GATE_H

// The unix socket of the console: who may connect, and where it lies. It is made in a folder that
// belongs to the same user, where nobody else may write, and whoever connects must be that user.
// Main thread.

#include "base/err.h"

struct gate; // private

// Makes the socket and listens. `path` NULL: luaws/PID.sock in $XDG_RUNTIME_DIR, or else
// /tmp/luaws-UID/PID.sock; this folder is made (0700) if it isn't there. A socket that nobody
// listens on any more is replaced. NULL: *err says why.
struct gate *gate_open(const char *path, struct err *err);

// Becomes readable when somebody connects; stays the gate's.
int gate_fd(const struct gate *g);
const char *gate_path(const struct gate *g);

// The connection of the next one who waits, non-blocking, the caller's; who isn't the same user is
// shown out before anything is read. -1: nobody, or *err says who was refused or what has failed
// (its text is "" otherwise).
int gate_accept(struct gate *g, struct err *err);

// Removes the socket, if it is still this one.
void gate_close(struct gate *g); // NULL is fine

#endif
