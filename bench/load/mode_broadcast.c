// broadcast: client 0 sends, all receive, and a round is over when all have received it. Main
// thread.

#include "base/clock.h"
#include "base/mem.h"
#include "client.h"
#include "run.h"

static void send_round(struct run *run);
static void on_delivery(struct client *c);

// run->mode is a list of how many deliveries are to come, of the last fleet->ring rounds.
void mode_broadcast(const struct options *options, struct result *result) {
  struct run run = {.fleet = {.on_message = on_delivery, .one_sender = true}};
  run_init(&run, options, result);
  run_open(&run, &run.fleet, options->connections);
  run.mode = mem_zalloc(run.fleet.ring * sizeof(uint32_t));
  for (uint32_t i = 0; i < options->inflight && run.errors == 0; i++)
    send_round(&run);
  fleet_flush(&run.fleet);
  run_measure(&run);
  run_drain(&run, run_is_home, "messages were lost");
  mem_free(run.mode);
  run_deinit(&run);
}

static void send_round(struct run *run) {
  struct client *sender = &run->fleet.clients[0];
  uint32_t *missing = run->mode;
  missing[sender->sent & (run->fleet.ring - 1)] = run->fleet.open;
  client_send(sender, clock_ns());
}

static void on_delivery(struct client *c) {
  struct run *run = c->fleet->context;
  const struct client *sender = &run->fleet.clients[0];
  uint32_t number = c->received - 1, *missing = run->mode;
  if (number >= sender->sent) {
    run_complain(run, "a delivery comes before its broadcast");
    return;
  }
  run_record(run, client_sent_at(sender, number));
  if (--missing[number & (run->fleet.ring - 1)] == 0 && run->sending) send_round(run);
}
