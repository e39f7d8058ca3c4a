// echo: each connection has `inflight` messages on their way, always. Main thread.

#include "base/clock.h"
#include "client.h"
#include "run.h"

static void on_echo(struct client *c);

void mode_echo(const struct options *options, struct result *result) {
  struct run run = {.fleet = {.on_message = on_echo}};
  run_init(&run, options, result);
  run_open(&run, &run.fleet, options->connections);
  uint64_t now = clock_ns();
  for (uint32_t i = 0; i < run.fleet.open && run.errors == 0; i++) {
    for (uint32_t k = 0; k < options->inflight; k++)
      client_send(&run.fleet.clients[i], now);
    fleet_flush(&run.fleet);
  }
  run_measure(&run);
  run_drain(&run, run_is_home, "messages were lost");
  run_deinit(&run);
}

static void on_echo(struct client *c) {
  struct run *run = c->fleet->context;
  run_record(run, client_sent_at(c, c->received - 1));
  if (run->sending) client_send(c, run->fleet.now);
}
