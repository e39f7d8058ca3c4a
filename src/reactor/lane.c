// Lanes. Loop thread.

#include "reactor/lane.h"

#include "base/mem.h"
#include "reactor/loop.h"

static struct lane *add(struct reactor *r, struct mailbox *to) {
  struct lane *l = mem_zalloc(sizeof *l);
  batch_init(&l->batch, mailbox_ref(to));
  if (r->stands_in) l->batch.adopted = &r->has_adopted;
  list_init(&l->paused);
  list_push(&r->lanes, &l->node);
  return l;
}

void lane_free(struct lane *l) {
  struct mailbox *to = l->batch.to;
  list_remove(&l->node);
  batch_deinit(&l->batch);
  mailbox_unref(to);
  mem_free(l);
}

struct lane *lane_find(struct reactor *r, struct mailbox *to) {
  for (struct list *node = r->lanes.next; node != &r->lanes; node = node->next) {
    struct lane *l = LIST_ENTRY(node, struct lane, node);
    if (l->batch.to == to) return l;
  }
  return add(r, to);
}

void lanes_flush(struct list *lanes) {
  for (struct list *node = lanes->next; node != lanes; node = node->next) {
    batch_flush(&LIST_ENTRY(node, struct lane, node)->batch);
  }
}
