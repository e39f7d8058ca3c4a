// What two ends of one thread share. No state of its own.

#include "base/duplex.h"

#include <stdint.h>
#include "base/mem.h"

struct duplex *duplex_new(void) {
  struct duplex *d = mem_zalloc(sizeof *d);
  buf_init(&d->in, SIZE_MAX); // both are bounded by what the program's own end makes of it
  buf_init(&d->out, SIZE_MAX);
  list_init(&d->node);
  d->ends = 1;
  return d;
}

void duplex_release(struct duplex *d) {
  if (--d->ends > 0) return;
  list_remove(&d->node);
  buf_deinit(&d->in);
  buf_deinit(&d->out);
  mem_free(d);
}

void duplex_tell(struct duplex *d) {
  if (d->changed && list_empty(&d->node)) list_push(d->changed, &d->node);
}

void duplex_send(struct duplex *d, const void *bytes, size_t n) {
  buf_append(&d->in, bytes, n);
  duplex_tell(d);
}
