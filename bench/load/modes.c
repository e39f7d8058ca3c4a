// The modes differ in what a client does when it is open and when a message comes; opening the
// clients, the loop and the measured interval are shared. Main thread.

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "client.h"
#include "modes.h"
#include "process.h"

#define SECOND        1000000000u
#define OPEN_WINDOW   100 // connects at once: fewer than any server's backlog
#define OPEN_DEADLINE 30  // seconds
#define DRAIN         5   // seconds for the last messages to come
#define SETTLE        0.3 // seconds for a server's memory to come to rest
#define RATE_RING     4096
#define EVENTS        256
#define FOREVER       UINT64_MAX

struct run {
  const struct options *options;
  struct result *result;
  struct fleet fleet;
  struct client *clients;
  uint32_t wanted;  // clients to open
  uint32_t started; // of them, opening or open
  uint32_t open;
  bool sending; // false: what is on its way may come home
  bool measuring;
  uint32_t answered; // idle: clients that have had their echo
  uint32_t asked;
  uint32_t *missing;  // broadcast: deliveries to come, of the last `ring` rounds
  int timer;          // rate: -1 in other modes
  uint64_t first_due; // ns
  uint64_t period;    // ns from message to message
  uint64_t ticks;     // messages sent
  bool held;
};

struct mark {
  uint64_t now; // ns
  uint64_t own; // ns of processor time
  uint64_t server;
};

struct mode {
  const char *name;
  void (*on_open)(struct client *c);
  void (*on_message)(struct client *c);
  void (*on_closed)(struct client *c);
  void (*perform)(struct run *run);
};

static const struct mode *find_mode(const char *name);
static void complain(struct run *run, const char *what);
static void start_run(struct run *run, const struct mode *mode);
static void end_run(struct run *run);
static bool serve_until(struct run *run, uint64_t deadline, bool (*is_done)(struct run *run));
static void serve_for(struct run *run, double seconds);
static void measure(struct run *run);
static struct mark take_mark(struct run *run);
static void record(struct run *run, uint64_t since);
static void drain(struct run *run);
static bool all_came_home(struct run *run);
static void open_more(struct run *run);
static bool all_are_open(struct run *run);
static void open_clients(struct run *run, uint32_t wanted);
static void on_open(struct client *c);

static void perform_echo(struct run *run);
static void on_echo(struct client *c);

static void perform_rate(struct run *run);
static void start_timer(struct run *run);
static void on_timer(struct run *run);
static void on_rated_echo(struct client *c);

static void perform_connect(struct run *run);
static void on_connect_open(struct client *c);
static void on_connect_closed(struct client *c);
static bool all_are_closed(struct run *run);

static void perform_idle(struct run *run);
static void ask_next(struct run *run);
static void on_idle_echo(struct client *c);
static bool all_have_answered(struct run *run);
static uint64_t read_memory(struct run *run);
static void hold(struct run *run);
static bool is_released(struct run *run);

static void perform_broadcast(struct run *run);
static void send_round(struct run *run);
static void on_delivery(struct client *c);

const char modes_names[] = "echo|rate|connect|idle|broadcast";

static const struct mode modes[] = {
    {"echo", on_open, on_echo, NULL, perform_echo},
    {"rate", on_open, on_rated_echo, NULL, perform_rate},
    {"connect", on_connect_open, NULL, on_connect_closed, perform_connect},
    {"idle", on_open, on_idle_echo, NULL, perform_idle},
    {"broadcast", on_open, on_delivery, NULL, perform_broadcast},
};

int modes_run(const struct options *options, struct result *result) {
  const struct mode *mode = find_mode(options->mode);
  if (mode == NULL) return ERR_INVALID;
  *result = (struct result){0};
  struct run run = {.options = options, .result = result, .sending = true, .timer = -1};
  start_run(&run, mode);
  mode->perform(&run);
  end_run(&run);
  return 0;
}

static const struct mode *find_mode(const char *name) {
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(modes[i].name, name) == 0) return &modes[i];
  return NULL;
}

// Ends the run, unless something has ended it already.
static void complain(struct run *run, const char *what) {
  if (run->fleet.errors > 0) return;
  run->fleet.errors++;
  fprintf(stderr, "load: %s\n", what);
}

static void start_run(struct run *run, const struct mode *mode) {
  const struct options *o = run->options;
  struct fleet *f = &run->fleet;
  f->address = o->address;
  f->path = o->path;
  f->size = o->size;
  f->is_binary = o->is_binary;
  f->one_sender = mode->perform == perform_broadcast;
  uint32_t on_their_way = mode->perform == perform_rate ? RATE_RING : o->inflight;
  for (f->ring = 1; f->ring < on_their_way;)
    f->ring *= 2;
  f->context = run;
  f->on_open = mode->on_open;
  f->on_message = mode->on_message;
  f->on_closed = mode->on_closed;
  fleet_init(f);
  run->clients = mem_zalloc(o->connections * sizeof *run->clients);
}

static void end_run(struct run *run) {
  run->result->errors += run->fleet.errors;
  for (uint32_t i = 0; i < run->started; i++)
    client_destroy(&run->clients[i]);
  if (run->timer >= 0) close(run->timer);
  mem_free(run->clients);
  mem_free(run->missing);
  fleet_deinit(&run->fleet);
}

// True when `is_done` (NULL: never) says so; false at the deadline or after an error.
static bool serve_until(struct run *run, uint64_t deadline, bool (*is_done)(struct run *run)) {
  struct epoll_event events[EVENTS];
  while (run->fleet.errors == 0) {
    if (is_done != NULL && is_done(run)) return true;
    uint64_t now = clock_ns();
    if (now >= deadline) return false;
    uint64_t left = (deadline - now) / (SECOND / 1000) + 1;
    int timeout = run->timer >= 0 && run->options->spin ? 0 : left < 1000 ? (int)left : 1000;
    int n = epoll_wait(run->fleet.epoll, events, EVENTS, timeout);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == &run->timer)
        on_timer(run);
      else if (events[i].data.ptr == &run->held)
        run->held = false;
      else
        client_serve(events[i].data.ptr, events[i].events);
    }
  }
  return false;
}

static void serve_for(struct run *run, double seconds) {
  serve_until(run, clock_ns() + (uint64_t)(seconds * SECOND), NULL);
}

// Warms up, then counts for the seconds asked for.
static void measure(struct run *run) {
  struct result *r = run->result;
  serve_for(run, run->options->warmup);
  run->measuring = true;
  struct mark a = take_mark(run);
  serve_for(run, run->options->seconds);
  struct mark b = take_mark(run);
  run->measuring = false;
  double wall = (double)(b.now - a.now);
  r->seconds = wall / SECOND;
  r->own_cpu = (double)(b.own - a.own) / wall;
  r->server_ns = b.server - a.server;
  r->server_cpu = (double)r->server_ns / wall;
}

static struct mark take_mark(struct run *run) {
  struct mark mark = {0};
  if (run->options->pid != 0 && process_cpu(run->options->pid, &mark.server) != 0)
    complain(run, "the server's processor time can't be read");
  if (process_cpu(getpid(), &mark.own) != 0) complain(run, "no processor time can be read");
  mark.now = clock_ns();
  return mark;
}

static void record(struct run *run, uint64_t since) {
  if (!run->measuring) return;
  run->result->messages++;
  histogram_add(&run->result->latency, run->fleet.now > since ? run->fleet.now - since : 0);
}

// Every message that was sent must have come: what is lost is an error.
static void drain(struct run *run) {
  run->sending = false;
  if (!serve_until(run, clock_ns() + (uint64_t)DRAIN * SECOND, all_came_home))
    complain(run, "messages were lost");
}

static bool all_came_home(struct run *run) {
  for (uint32_t i = 0; i < run->started; i++) {
    const struct client *sender = &run->clients[run->fleet.one_sender ? 0 : i];
    if (run->clients[i].received != sender->sent) return false;
  }
  return true;
}

static void open_more(struct run *run) {
  while (run->started < run->wanted && run->started - run->open < OPEN_WINDOW) {
    uint32_t i = run->started++;
    client_open(&run->clients[i], &run->fleet, i);
  }
}

static bool all_are_open(struct run *run) {
  return run->open == run->wanted;
}

static void open_clients(struct run *run, uint32_t wanted) {
  run->wanted = wanted;
  open_more(run);
  if (!serve_until(run, clock_ns() + (uint64_t)OPEN_DEADLINE * SECOND, all_are_open))
    complain(run, "connections don't open");
  run->result->opened = run->open;
}

static void on_open(struct client *c) {
  struct run *run = c->fleet->context;
  run->open++;
  open_more(run);
}

// echo: each connection has `inflight` messages on their way, always.

static void perform_echo(struct run *run) {
  open_clients(run, run->options->connections);
  uint64_t now = clock_ns();
  for (uint32_t i = 0; i < run->open; i++) {
    for (uint32_t k = 0; k < run->options->inflight; k++)
      client_send(&run->clients[i], now);
    fleet_flush(&run->fleet);
  }
  measure(run);
  drain(run);
}

static void on_echo(struct client *c) {
  struct run *run = c->fleet->context;
  record(run, client_sent_at(c, c->received - 1));
  if (run->sending) client_send(c, run->fleet.now);
}

// rate: messages leave by the clock, one connection after the other. A message's latency counts
// from when it was due, so that a server which holds up the generator doesn't look better for it.

static void perform_rate(struct run *run) {
  open_clients(run, run->options->connections);
  if (run->fleet.errors > 0) return;
  start_timer(run);
  measure(run);
  drain(run);
}

static void start_timer(struct run *run) {
  run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  run->period = (uint64_t)(SECOND / run->options->rate);
  run->first_due = clock_ns() + SECOND / 1000;
  struct timespec first = {(time_t)(run->first_due / SECOND), (long)(run->first_due % SECOND)};
  struct timespec period = {(time_t)(run->period / SECOND), (long)(run->period % SECOND)};
  struct itimerspec spec = {.it_value = first, .it_interval = period};
  timerfd_settime(run->timer, TFD_TIMER_ABSTIME, &spec, NULL);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &run->timer};
  epoll_ctl(run->fleet.epoll, EPOLL_CTL_ADD, run->timer, &event);
}

static void on_timer(struct run *run) {
  uint64_t due = 0;
  if (read(run->timer, &due, sizeof due) != sizeof due || !run->sending) return;
  for (; due > 0 && run->fleet.errors == 0; due--) {
    struct client *c = &run->clients[run->ticks % run->open];
    if (c->sent - c->received == RATE_RING) {
      complain(run, "the server can't keep up with the rate");
      return;
    }
    client_send(c, run->first_due + run->ticks * run->period);
    run->ticks++;
    fleet_flush(&run->fleet);
  }
}

static void on_rated_echo(struct client *c) {
  record(c->fleet->context, client_sent_at(c, c->received - 1));
}

// connect: `connections` clients connect, shake hands both ways and begin anew. A connect counts,
// and its latency ends, with the server's 101.

static void perform_connect(struct run *run) {
  run->wanted = run->started = run->options->connections;
  for (uint32_t i = 0; i < run->wanted; i++)
    client_open(&run->clients[i], &run->fleet, i);
  measure(run);
  run->sending = false;
  if (!serve_until(run, clock_ns() + (uint64_t)DRAIN * SECOND, all_are_closed))
    complain(run, "connections don't close");
  run->result->opened = run->wanted;
}

static void on_connect_open(struct client *c) {
  record(c->fleet->context, c->opened_at);
  client_close(c);
}

static void on_connect_closed(struct client *c) {
  struct run *run = c->fleet->context;
  if (run->sending) client_open(c, c->fleet, c->index);
}

static bool all_are_closed(struct run *run) {
  for (uint32_t i = 0; i < run->started; i++)
    if (run->clients[i].state != CLIENT_CLOSED) return false;
  return true;
}

// idle: what a connection costs the server in memory. The first OPEN_WINDOW connections pay for
// what the server allocates once, and count for nothing.

static void perform_idle(struct run *run) {
  const struct options *o = run->options;
  struct result *r = run->result;
  r->memory_base = o->connections < 2 * OPEN_WINDOW ? 0 : OPEN_WINDOW;
  open_clients(run, r->memory_base);
  ask_next(run);
  serve_until(run, clock_ns() + (uint64_t)DRAIN * SECOND, all_have_answered);
  serve_for(run, SETTLE);
  r->memory_before = read_memory(run);

  open_clients(run, o->connections);
  serve_for(run, SETTLE);
  r->memory_open = read_memory(run);

  ask_next(run);
  if (!serve_until(run, clock_ns() + (uint64_t)OPEN_DEADLINE * SECOND, all_have_answered))
    complain(run, "echoes were lost");
  serve_for(run, SETTLE);
  r->memory_used = read_memory(run);
  if (o->hold) hold(run);
}

// A window here too, since thousands of messages at once would measure the server's queues.
static void ask_next(struct run *run) {
  while (run->asked < run->open && run->asked - run->answered < OPEN_WINDOW) {
    client_send(&run->clients[run->asked++], clock_ns());
    fleet_flush(&run->fleet);
  }
}

static void on_idle_echo(struct client *c) {
  struct run *run = c->fleet->context;
  run->answered++;
  ask_next(run);
}

static bool all_have_answered(struct run *run) {
  return run->answered == run->open;
}

static uint64_t read_memory(struct run *run) {
  uint64_t bytes = 0;
  if (run->options->pid != 0 && process_memory(run->options->pid, &bytes) != 0)
    complain(run, "the server's memory can't be read");
  return bytes;
}

// Pings are answered meanwhile.
static void hold(struct run *run) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &run->held};
  run->held = epoll_ctl(run->fleet.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0;
  serve_until(run, FOREVER, is_released);
}

static bool is_released(struct run *run) {
  return !run->held;
}

// broadcast: client 0 sends, all receive, and a round is over when all have received it.

static void perform_broadcast(struct run *run) {
  open_clients(run, run->options->connections);
  run->missing = mem_zalloc(run->fleet.ring * sizeof *run->missing);
  if (run->fleet.errors > 0) return;
  for (uint32_t i = 0; i < run->options->inflight; i++)
    send_round(run);
  fleet_flush(&run->fleet);
  measure(run);
  drain(run);
}

static void send_round(struct run *run) {
  struct client *sender = &run->clients[0];
  run->missing[sender->sent & (run->fleet.ring - 1)] = run->open;
  client_send(sender, clock_ns());
}

static void on_delivery(struct client *c) {
  struct run *run = c->fleet->context;
  uint32_t number = c->received - 1;
  if (number >= run->clients[0].sent) {
    complain(run, "a delivery comes before its broadcast");
    return;
  }
  record(run, client_sent_at(&run->clients[0], number));
  if (--run->missing[number & (run->fleet.ring - 1)] == 0 && run->sending) send_round(run);
}
