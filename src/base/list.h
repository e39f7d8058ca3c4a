#ifndef BASE_LIST_H
#define BASE_LIST_H

// An intrusive doubly linked ring. The head is a node like any other; a node that is on no list
// points at itself, so that list_remove is always safe after list_init. Pure.

#include <stdbool.h>
#include <stddef.h>

struct list {
  struct list *next;
  struct list *prev;
};

// The struct of type `type` whose member `member` is the node `node`.
#define LIST_ENTRY(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *l) {
  l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l) {
  return l->next == l;
}

static inline void list_push(struct list *head, struct list *node) {
  node->prev = head->prev;
  node->next = head;
  head->prev->next = node;
  head->prev = node;
}

static inline void list_remove(struct list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  list_init(node);
}

// The first node, taken off; NULL when there is none.
static inline struct list *list_pop(struct list *head) {
  if (list_empty(head)) return NULL;
  struct list *node = head->next;
  list_remove(node);
  return node;
}

// Appends all of `from` to `head`; `from` is empty afterwards.
static inline void list_splice(struct list *head, struct list *from) {
  if (list_empty(from)) return;
  from->next->prev = head->prev;
  head->prev->next = from->next;
  from->prev->next = head;
  head->prev = from->prev;
  list_init(from);
}

#endif
