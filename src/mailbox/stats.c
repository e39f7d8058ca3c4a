// Counters. Any thread.

#include "mailbox/stats.h"

#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static const char *const COMPONENTS[STATS_COMPONENTS] = {
    [STATS_LUAW] = ERR_LUAW, [STATS_LUA_] = ERR_LUA_, [STATS_UV__] = ERR_UV__,
    [STATS_OSSL] = ERR_OSSL, [STATS_ZLIB] = ERR_ZLIB,
};

void stats_refused(struct stats *s, int status) {
  unsigned i = (unsigned)(status - STATS_STATUS_MIN);
  if (i < STATS_STATUSES) stats_add(&s->refused[i], 1);
}

void stats_closed(struct stats_closed *s, unsigned code) {
  unsigned i = code - STATS_CODE_MIN, own = code - STATS_OWN_CODE_MIN;
  if (i < STATS_CODES)
    stats_add(&s->codes[i], 1);
  else if (own < STATS_OWN_CODES)
    stats_add(&s->own_codes[own], 1);
}

void stats_error(struct stats *s, const char *component) {
  for (int i = 0; i < STATS_COMPONENTS; i++)
    if (strcmp(component, COMPONENTS[i]) == 0) stats_add(&s->errors[i], 1);
}

const char *stats_component_name(enum stats_component component) {
  return COMPONENTS[component];
}

void stats_all_init(struct stats_all *all) {
  memset(all, 0, sizeof *all);
  all->started_at = clock_ms();
  pthread_mutex_init(&all->lock, NULL);
  stats_all_add(all, &all->gone);
}

void stats_all_deinit(struct stats_all *all) {
  mem_free(all->parts);
  pthread_mutex_destroy(&all->lock);
}

void stats_all_add(struct stats_all *all, const struct stats *part) {
  pthread_mutex_lock(&all->lock);
  all->parts = mem_realloc(all->parts, (all->count + 1) * sizeof *all->parts);
  all->parts[all->count++] = part;
  pthread_mutex_unlock(&all->lock);
}

// A struct of nothing but counters.
static void move_counters(struct stats *to, const struct stats *from) {
  _Atomic uint64_t *into = (_Atomic uint64_t *)to;
  const _Atomic uint64_t *out = (const _Atomic uint64_t *)from;
  for (size_t i = 0; i < sizeof *to / sizeof *into; i++)
    stats_add(&into[i], atomic_load_explicit(&out[i], memory_order_relaxed));
}

void stats_all_remove(struct stats_all *all, const struct stats *part) {
  pthread_mutex_lock(&all->lock);
  move_counters(&all->gone, part);
  unsigned i = 0;
  while (all->parts[i] != part)
    i++;
  all->parts[i] = all->parts[--all->count];
  pthread_mutex_unlock(&all->lock);
}
