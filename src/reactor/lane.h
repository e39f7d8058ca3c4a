#ifndef REACTOR_LANE_H
#define REACTOR_LANE_H

// The way from this reactor to one worker: the batch of events being filled, and how much the
// worker still owes. Loop thread.

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "mailbox/batch.h"

struct reactor;

struct lane {
  struct list node; // on the reactor's list
  struct batch batch;
  uint64_t owed;      // cost of what the worker has not worked off yet
  uint8_t epoch;      // goes on, and around, whenever that is nothing
  uint64_t heard_at;  // ms: when it last said that it has worked something off
  struct list paused; // connections that are not read until it has (conn_extra.lane_node)
};

// The lane to that mailbox, made when there is none.
struct lane *lane_find(struct reactor *r, struct mailbox *to);
void lane_free(struct lane *l);

// Hands every batch over.
void lanes_flush(struct list *lanes);

#endif
