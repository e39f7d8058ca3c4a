#ifndef SCRIPT_FOLD_H
#define SCRIPT_FOLD_H

// Errors that come again and again: the first one of a place and message is shown in full, those
// that follow are counted, and told of in one line every FOLD_MS while they come, and at the end.
// Both memory and lines are bounded, also when each message or each place is another one. Lua
// thread.

#include <stdbool.h>
#include "script/place.h"
#include "script/subject.h"

enum { FOLD_MS = 10000 };

struct fold; // private; runtime.fold, NULL before the first error

// Whether this error is to be shown in full. Else it has been counted.
bool fold_admit(struct runtime *rt, const struct subject *s, const struct place *p,
                const char *message, size_t length);

// Tells what is counted and not yet told. The runtime ends.
void fold_deinit(struct runtime *rt);

#endif
