#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

// A hierarchical timing wheel: thousands of deadlines of one thread at O(1) each, 1 ms ticks. It
// reads no clock: time is fed in. Reactors keep their connections' deadlines in one, workers their
// sleeping tasks. Owned by one thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"

#define WHEEL_BITS   6
#define WHEEL_SLOTS  (1 << WHEEL_BITS)
#define WHEEL_LEVELS 6 // 64^6 ms: two years; what is later waits in the last level

struct wheel_timer {
  struct list node; // on a slot's list, or on itself when stopped
  uint64_t due;     // ms
};

struct wheel {
  uint64_t now;                    // ms, the last time fed in
  uint64_t occupied[WHEEL_LEVELS]; // a bit for each slot that may hold a timer
  struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint64_t now);

void wheel_timer_init(struct wheel_timer *t);

// Due at `due` (ms; the past or now count as one tick ahead). A running timer is moved.
void wheel_start(struct wheel *w, struct wheel_timer *t, uint64_t due);

// Stopping a stopped timer is fine.
void wheel_stop(struct wheel_timer *t);

static inline bool wheel_is_running(const struct wheel_timer *t) {
  return !list_empty(&t->node);
}

// Moves time on and appends each timer that is due to `expired`, in the order of their deadlines
// (to the tick). They count as running until they are removed from that list, and wheel_stop and
// wheel_start work on them.
void wheel_advance(struct wheel *w, uint64_t now, struct list *expired);

// Milliseconds from `w->now` until wheel_advance must be called again at the latest: never later
// than the next deadline, sometimes earlier. UINT64_MAX when nothing runs.
uint64_t wheel_timeout(const struct wheel *w);

#endif
