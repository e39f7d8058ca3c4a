// Counters. Any thread.

#include "mailbox/stats.h"

#include <string.h>
#include "base/err.h"

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
