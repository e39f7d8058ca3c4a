// Lanes. Loop thread.

#include "reactor/lane.h"

#include "base/mem.h"

struct lane *lane_new(struct list *lanes, struct mailbox *to) {
  struct lane *l = mem_zalloc(sizeof *l);
  batch_init(&l->batch, to);
  list_init(&l->paused);
  list_push(lanes, &l->node);
  return l;
}

void lane_free(struct lane *l) {
  list_remove(&l->node);
  batch_deinit(&l->batch);
  mem_free(l);
}

struct lane *lane_find(struct list *lanes, struct mailbox *to) {
  for (struct list *node = lanes->next; node != lanes; node = node->next) {
    struct lane *l = LIST_ENTRY(node, struct lane, node);
    if (l->batch.to == to) return l;
  }
  return lane_new(lanes, to);
}

void lanes_flush(struct list *lanes) {
  for (struct list *node = lanes->next; node != lanes; node = node->next) {
    batch_flush(&LIST_ENTRY(node, struct lane, node)->batch);
  }
}
