// The timing wheel. Level 0 has one slot a millisecond; a slot of level n spans 64 slots of level
// n - 1. A timer goes into the lowest level where its distance fits and moves down when time
// reaches its slot. Runs in its owner's thread.

#include "base/wheel.h"

static unsigned level_shift(unsigned level) {
  return level * WHEEL_BITS;
}

// The lowest level on which `due` lies less than a full turn ahead of `now`.
static unsigned level_of(uint64_t now, uint64_t due) {
  for (unsigned level = 0; level < WHEEL_LEVELS - 1; level++) {
    if ((due >> level_shift(level)) - (now >> level_shift(level)) < WHEEL_SLOTS) return level;
  }
  return WHEEL_LEVELS - 1;
}

static void place(struct wheel *w, struct wheel_timer *t) {
  uint64_t due = t->due > w->now ? t->due : w->now + 1;
  unsigned level = level_of(w->now, due);
  uint64_t tick = due >> level_shift(level);
  uint64_t first = w->now >> level_shift(level);
  if (tick - first >= WHEEL_SLOTS) tick = first + WHEEL_SLOTS - 1; // beyond the wheel: wait there
  unsigned slot = tick & (WHEEL_SLOTS - 1);
  list_push(&w->slots[level][slot], &t->node);
  w->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_init(struct wheel *w, uint64_t now) {
  w->now = now;
  for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
    w->occupied[level] = 0;
    for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
      list_init(&w->slots[level][slot]);
  }
}

void wheel_timer_init(struct wheel_timer *t) {
  list_init(&t->node);
  t->due = 0;
}

void wheel_start(struct wheel *w, struct wheel_timer *t, uint64_t due) {
  list_remove(&t->node);
  t->due = due;
  place(w, t);
}

void wheel_stop(struct wheel_timer *t) {
  list_remove(&t->node);
}

// Ticks from the current one to the next occupied slot of a level: 1 to 64; 0 when there is none.
// The current slot itself counts as a full turn away: it has been emptied.
static unsigned distance_to_next(const struct wheel *w, unsigned level) {
  uint64_t bits = w->occupied[level];
  if (bits == 0) return 0;
  unsigned from = ((w->now >> level_shift(level)) + 1) & (WHEEL_SLOTS - 1);
  uint64_t turned = from == 0 ? bits : bits >> from | bits << (WHEEL_SLOTS - from);
  return (unsigned)__builtin_ctzll(turned) + 1;
}

uint64_t wheel_timeout(const struct wheel *w) {
  uint64_t best = UINT64_MAX;
  for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
    unsigned ticks = distance_to_next(w, level);
    if (ticks == 0) continue;
    uint64_t tick = (w->now >> level_shift(level)) + ticks;
    uint64_t wait = (tick << level_shift(level)) - w->now;
    if (wait < best) best = wait;
  }
  return best;
}

// Empties the slot that `w->now` has just reached on `level`: what is due expires, the rest moves
// down.
static void empty_slot(struct wheel *w, unsigned level, struct list *expired) {
  unsigned slot = (w->now >> level_shift(level)) & (WHEEL_SLOTS - 1);
  if (!(w->occupied[level] >> slot & 1)) return;
  w->occupied[level] &= ~(UINT64_C(1) << slot);
  struct list moving;
  list_init(&moving);
  list_splice(&moving, &w->slots[level][slot]);
  for (struct list *node; (node = list_pop(&moving));) {
    struct wheel_timer *t = LIST_ENTRY(node, struct wheel_timer, node);
    if (t->due <= w->now)
      list_push(expired, node);
    else
      place(w, t);
  }
}

void wheel_advance(struct wheel *w, uint64_t now, struct list *expired) {
  while (w->now < now) {
    uint64_t wait = wheel_timeout(w);
    if (wait > now - w->now) {
      w->now = now;
      return;
    }
    w->now += wait;
    // From the top, so that what moves down is looked at again on its new level.
    for (unsigned level = WHEEL_LEVELS; level-- > 0;) {
      uint64_t span = (UINT64_C(1) << level_shift(level)) - 1;
      if ((w->now & span) == 0) empty_slot(w, level, expired);
    }
  }
}
