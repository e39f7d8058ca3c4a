#ifndef ATTACH_H
#define ATTACH_H

// The guests of the console: those who have connected to its socket with `luaws attach`, each with
// a session of its own. A frame, in both directions, is its length in 4 bytes (the lowest first),
// an enum event_console, and a text of at most 1 MiB; the length is that of kind and text. Main
// thread.

#include <uv.h>
#include "base/err.h"
#include "mailbox/event.h"
#include "script/worker.h"

struct attach; // private

// What the first frame of a guest says, a CONSOLE_OPEN.
#define ATTACH_HELLO "luaws 1"

// Opens the socket at `path` (NULL: see gate_open). NULL: *err says why.
struct attach *attach_open(const char *path, uv_loop_t *loop, struct err *err);

// From here on guests are let in. `worker`: whose script they see.
void attach_start(struct attach *a, struct worker *worker);

// The worker's answer to a guest, who may have gone.
void attach_answer(struct attach *a, uint64_t session, int kind, const char *text, size_t size);

// Takes leave of all guests and removes the socket. The loop's owner closes all handles that are
// not closing then, and runs it until they are.
void attach_stop(struct attach *a);

void attach_free(struct attach *a); // NULL is fine; stopped

#endif
