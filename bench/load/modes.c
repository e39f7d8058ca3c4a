// The list of modes. Main thread.

#include <string.h>
#include "base/err.h"
#include "modes.h"

const char modes_names[] = "echo|rate|connect|idle|broadcast";

static const struct {
  const char *name;
  void (*perform)(const struct options *options, struct result *result);
} modes[] = {
    {"echo", mode_echo}, {"rate", mode_rate},           {"connect", mode_connect},
    {"idle", mode_idle}, {"broadcast", mode_broadcast},
};

int modes_run(const struct options *options, struct result *result) {
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    if (strcmp(modes[i].name, options->mode) != 0) continue;
    modes[i].perform(options, result);
    return 0;
  }
  return ERR_INVALID;
}
