#ifndef WIRED_H
#define WIRED_H

// What a worker needs of a reactor for connections without a network (script/wired.h), put together
// here because neither knows the other.

#include "script/worker.h"

extern const struct worker_wired WIRED;

#endif
