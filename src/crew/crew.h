#ifndef CREW_CREW_H
#define CREW_CREW_H

// The threads of a reactor, of a worker, or of both together. A reactor and a worker that share a
// crew stand in for each other: while the worker is idle, the reactor's thread runs what it has
// just read through the script itself. No thread is woken for a message then, and none waits for
// the other. A script that keeps that thread for more than a few milliseconds costs it the reactor:
// the worker's own thread takes that over, and the two have changed places.

#include "reactor/reactor.h"
#include "script/worker.h"

struct crew; // private

// Either may be NULL. They must outlive the crew.
struct crew *crew_new(struct reactor *reactor, struct worker *worker);

// Starts the threads. 0, or a negative errno: none runs.
int crew_start(struct crew *c);

// Waits for the threads, if they were started: the worker must have ended or be about to, the
// reactor have been told to quit.
void crew_join(struct crew *c);

void crew_free(struct crew *c);

#endif
