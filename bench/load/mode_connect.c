// connect: `connections` clients connect, shake hands both ways and begin anew. A connect counts,
// and its latency ends, with the server's 101. Main thread.

#include "client.h"
#include "run.h"

static void on_open(struct client *c);
static void on_closed(struct client *c);
static bool all_are_closed(const struct run *run);

void mode_connect(const struct options *options, struct result *result) {
  struct run run = {.fleet = {.on_open = on_open, .on_closed = on_closed}};
  run.fleet.window = options->connections;
  run_init(&run, options, result);
  fleet_open(&run.fleet, options->connections);
  run_measure(&run);
  run_drain(&run, all_are_closed, "connections don't close");
  result->opened = run.fleet.started;
  run_deinit(&run);
}

static void on_open(struct client *c) {
  run_record(c->fleet->context, c->opened_at);
  client_close(c);
}

static void on_closed(struct client *c) {
  struct run *run = c->fleet->context;
  if (run->sending) client_open(c, c->fleet, c->index);
}

static bool all_are_closed(const struct run *run) {
  for (uint32_t i = 0; i < run->fleet.started; i++)
    if (run->fleet.clients[i].state != CLIENT_CLOSED) return false;
  return true;
}
