// Surveys: plain memory. Any thread, one at a time.

#include "base/survey.h"

#include "base/mem.h"

struct survey *survey_new(unsigned server_count) {
  struct survey *s = mem_zalloc(sizeof *s + server_count * sizeof *s->servers);
  s->server_count = server_count;
  return s;
}

void survey_free(struct survey *s) {
  if (!s) return;
  for (unsigned i = 0; i < s->server_count; i++) {
    mem_free(s->servers[i].path);
    mem_free(s->servers[i].protocol);
  }
  mem_free(s);
}
