// rate: messages (or pings) leave by the clock, one connection after the other. A latency counts
// from when its message was due, so that a server which holds up the generator doesn't look better
// for it. Further connections may keep the server's handlers busy meanwhile. Main thread.
//
// The generator must not add latency of its own: to wake up takes tens of microseconds. Where it
// has a core for itself it doesn't sleep.

#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "client.h"
#include "process.h"
#include "run.h"

#define RING 4096 // messages of a connection on their way

struct pace {
  uint64_t first_due; // ns
  uint64_t period;    // ns from message to message; 0: none is ever due
  uint64_t ticks;     // messages sent
};

struct rate {
  struct pace pace;
  struct fleet heavy;
  struct pace heavy_pace;
  struct pace hangups;
  int timer; // -1: none
};

static void start_heavy(struct run *run);
static void start_pace(struct pace *pace, double rate);
static void start_clock(struct run *run);
static void on_timer(struct run *run);
static void send_due(struct run *run);
static void hang_up(struct run *run);
static void send_next(struct run *run, struct fleet *f, struct pace *pace, uint64_t due);
static void on_answer(struct client *c);
static void on_work_done(struct client *c);
static bool is_home(const struct run *run);

void mode_rate(const struct options *options, struct result *result) {
  struct rate rate = {.timer = -1};
  struct run run = {.fleet = {.on_message = on_answer, .ring = RING}, .mode = &rate};
  run_init(&run, options, result);
  rate.heavy = (struct fleet){.capacity = options->heavy,
                              .path = options->heavy_path,
                              .ring = RING,
                              .on_message = on_work_done};
  run_init_fleet(&run, &rate.heavy);
  run_open(&run, &run.fleet, options->connections);
  run_open(&run, &rate.heavy, options->heavy);
  if (run.errors == 0) {
    start_heavy(&run);
    start_pace(&rate.pace, options->rate);
    if (options->hangups > 0)
      rate.hangups.period = (uint64_t)(RUN_SECOND * options->seconds / options->hangups);
    start_clock(&run);
    run_measure(&run);
    run_drain(&run, is_home, "messages were lost");
  }
  if (rate.timer >= 0) close(rate.timer);
  fleet_deinit(&rate.heavy);
  run_deinit(&run);
}

static void start_heavy(struct run *run) {
  struct rate *rate = run->mode;
  if (run->options->heavy_rate > 0 && rate->heavy.open > 0) {
    start_pace(&rate->heavy_pace, run->options->heavy_rate);
    return;
  }
  for (uint32_t i = 0; i < rate->heavy.open; i++)
    client_send(&rate->heavy.clients[i], clock_ns());
  fleet_flush(&rate->heavy);
}

static void start_pace(struct pace *pace, double rate) {
  pace->period = (uint64_t)(RUN_SECOND / rate);
  pace->first_due = clock_ns() + RUN_SECOND / 1000;
}

// A timer of the system is as good as its wake-ups.
static void start_clock(struct run *run) {
  const struct options *o = run->options;
  struct rate *rate = run->mode;
  run->on_turn = send_due;
  run->spinning = !o->sleeps && (o->spins || (o->pid != 0 && process_has_own_core(o->pid)));
  if (run->spinning) return;
  struct pace *pace = &rate->pace;
  struct itimerspec spec = {
      .it_value = {(time_t)(pace->first_due / RUN_SECOND), (long)(pace->first_due % RUN_SECOND)},
      .it_interval = {(time_t)(pace->period / RUN_SECOND), (long)(pace->period % RUN_SECOND)}};
  rate->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  timerfd_settime(rate->timer, TFD_TIMER_ABSTIME, &spec, NULL);
  run->on_watched = on_timer;
  run_watch(run, rate->timer);
}

// What it means is found out by the clock, in send_due.
static void on_timer(struct run *run) {
  const struct rate *rate = run->mode;
  uint64_t ticks;
  if (read(rate->timer, &ticks, sizeof ticks) < 0) run_complain(run, "the timer can't be read");
}

static void send_due(struct run *run) {
  struct rate *rate = run->mode;
  struct fleet *fleets[] = {&run->fleet, &rate->heavy};
  struct pace *paces[] = {&rate->pace, &rate->heavy_pace};
  for (unsigned i = 0; i < 2 && run->sending; i++) {
    struct pace *pace = paces[i];
    if (pace->period == 0) continue;
    uint64_t due = pace->first_due + pace->ticks * pace->period;
    for (; due <= clock_ns() && run->errors == 0; due += pace->period)
      send_next(run, fleets[i], pace, due);
  }
  if (run->measuring) hang_up(run);
}

// The first one half a period into what is measured, so that what comes of the last one is seen.
static void hang_up(struct run *run) {
  const struct options *o = run->options;
  struct pace *pace = &((struct rate *)run->mode)->hangups;
  if (pace->period == 0 || o->pid == 0 || pace->ticks == o->hangups) return;
  uint64_t now = clock_ns();
  if (pace->first_due == 0) pace->first_due = now + pace->period / 2;
  if (pace->first_due + pace->ticks * pace->period > now) return;
  pace->ticks++;
  kill(o->pid, SIGHUP);
}

static void send_next(struct run *run, struct fleet *f, struct pace *pace, uint64_t due) {
  struct client *c = &f->clients[pace->ticks++ % f->open];
  if (c->sent - c->received == RING) {
    run_complain(run, "the server can't keep up with the rate");
    return;
  }
  if (run->options->pings && f == &run->fleet)
    client_ping(c, due);
  else
    client_send(c, due);
  if (run->measuring && f == &run->fleet) histogram_add(&run->result->late, clock_ns() - due);
  fleet_flush(f);
}

static void on_answer(struct client *c) {
  run_record(c->fleet->context, client_sent_at(c, c->received - 1));
}

static void on_work_done(struct client *c) {
  struct run *run = c->fleet->context;
  if (run->measuring) run->result->heavy++;
  if (run->sending && run->options->heavy_rate == 0) client_send(c, clock_ns());
}

static bool is_home(const struct run *run) {
  const struct rate *rate = run->mode;
  return fleet_is_home(&run->fleet) && fleet_is_home(&rate->heavy);
}
