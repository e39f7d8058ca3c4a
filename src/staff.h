#ifndef STAFF_H
#define STAFF_H

// Workers that are made while the program runs, for the calls of others (luaws.callWorker): each
// with a thread of its own, until it is killed or the process ends. Who may be called by which name
// is the roster's business (mailbox/roster.h). Any thread but for what says so.

#include "mailbox/roster.h"
#include "script/worker.h"

struct staff; // private

// How many there may be at once, those included that have been killed and not ended.
#define STAFF_MAX 256

// `model`: what they have in common with the workers of the script, whose indices end before
// `first_index`. Its on_stop is theirs, on_end is called when one has ended and can be joined, with
// `context`. What it points to must stay until staff_free. Main thread.
struct staff *staff_new(const struct worker_options *model, unsigned first_index);

// roster.make: starts a worker. NULL with *err.
struct seat *staff_make(struct staff *s, const char *name, const char *path, struct err *err);

// Joins and frees those that have ended. Main thread.
void staff_tidy(struct staff *s);

// All must have ended or be about to. Main thread; NULL is fine.
void staff_free(struct staff *s);

#endif
