#ifndef REACTOR_FANOUT_H
#define REACTOR_FANOUT_H

// One frame for many connections: to a list of them, to all of an endpoint, to a topic's
// subscribers. Loop thread.

#include <stdint.h>

struct conn;
struct record;
struct reactor;

// COMMAND_FANOUT, COMMAND_BROADCAST, COMMAND_PUBLISH: queues the frame for each.
void fanout_run(struct reactor *r, struct record *record);

// COMMAND_COUNT: how many connections a publish would reach.
uint64_t fanout_count(struct reactor *r, const struct record *record);

// COMMAND_SUBSCRIBE, COMMAND_UNSUBSCRIBE.
void fanout_subscribe(struct conn *c, const struct record *record);
void fanout_unsubscribe(struct conn *c, const struct record *record);

#endif
