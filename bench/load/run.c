// The loop, opening, measuring. Main thread.

#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "client.h"
#include "process.h"
#include "run.h"
#include "wire.h"

#define OPEN_SECONDS 30
#define EVENTS       1024
#define BUSY         0.9  // of a core: a generator above it has none to spare,
#define IDLE         0.95 // a server below has

struct mark {
  uint64_t now; // ns
  uint64_t own; // ns of processor time
  uint64_t server;
};

static bool turn(struct run *run, uint64_t deadline);
static void serve(struct run *run, const struct epoll_event *events, int n);
static int timeout_until(const struct run *run, uint64_t now, uint64_t deadline);
static struct mark take_mark(struct run *run);

void run_init(struct run *run, const struct options *options, struct result *result) {
  *result = (struct result){0};
  run->options = options;
  run->result = result;
  run->epoll = epoll_create1(EPOLL_CLOEXEC);
  run->sending = true;
  if (options->is_secure) run->wires = wires_new(options->resumes);
  if (options->is_secure && run->wires == NULL) run->errors++;
  run->fleet.capacity = options->connections;
  run_init_fleet(run, &run->fleet);
}

void run_deinit(struct run *run) {
  run->result->errors = run->errors;
  fleet_deinit(&run->fleet);
  if (run->wires != NULL) run->result->resumed = wires_resumed(run->wires);
  wires_free(run->wires);
  close(run->epoll);
}

void run_init_fleet(struct run *run, struct fleet *f) {
  const struct options *o = run->options;
  f->epoll = run->epoll;
  f->errors = &run->errors;
  f->wires = run->wires;
  f->address = o->address;
  if (f->path == NULL) f->path = o->path;
  f->kind = o->is_json ? PAYLOAD_JSON : PAYLOAD_TEXT;
  f->size = o->size;
  f->is_binary = o->is_binary;
  if (f->ring == 0) f->ring = o->inflight;
  f->context = run;
  fleet_init(f);
}

void run_complain(struct run *run, const char *what) {
  if (run->errors++ == 0) fprintf(stderr, "load: %s\n", what);
}

bool run_until(struct run *run, uint64_t deadline, bool (*is_done)(const struct run *run)) {
  do {
    if (is_done != NULL && is_done(run)) return true;
  } while (turn(run, deadline));
  return false;
}

bool run_for(struct run *run, double seconds, bool (*is_done)(const struct run *run)) {
  return run_until(run, clock_ns() + (uint64_t)(seconds * RUN_SECOND), is_done);
}

void run_watch(struct run *run, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = run};
  if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    run_complain(run, "a descriptor can't be watched");
}

void run_open(struct run *run, struct fleet *f, uint32_t wanted) {
  uint64_t deadline = clock_ns() + (uint64_t)OPEN_SECONDS * RUN_SECOND;
  fleet_open(f, wanted);
  while (f->open < f->wanted && turn(run, deadline)) {
  }
  if (f->open < f->wanted) run_complain(run, "connections don't open");
  if (f == &run->fleet) run->result->opened = f->open;
}

void run_measure(struct run *run) {
  struct result *r = run->result;
  run_for(run, run->options->warmup, NULL);
  run->measuring = true;
  struct mark a = take_mark(run);
  run_for(run, run->options->seconds, NULL);
  struct mark b = take_mark(run);
  run->measuring = false;
  double wall = (double)(b.now - a.now);
  r->seconds = wall / RUN_SECOND;
  r->own_cpu = (double)(b.own - a.own) / wall;
  r->server_ns = b.server - a.server;
  r->server_cpu = (double)r->server_ns / wall;
  r->spun = run->spinning;
  r->limited =
      run->options->pid != 0 && !run->spinning && r->own_cpu > BUSY && r->server_cpu < IDLE;
}

void run_record(struct run *run, uint64_t since) {
  if (!run->measuring) return;
  run->result->messages++;
  uint64_t now = run->fleet.now;
  histogram_add(&run->result->latency, now > since ? now - since : 0);
}

void run_drain(struct run *run, bool (*is_done)(const struct run *run), const char *otherwise) {
  run->sending = false;
  if (!run_for(run, run->options->patience, is_done)) run_complain(run, otherwise);
}

bool run_is_home(const struct run *run) {
  return fleet_is_home(&run->fleet);
}

// Serves what epoll finds ready; waits for it until the deadline. False when that has come, or
// after an error.
static bool turn(struct run *run, uint64_t deadline) {
  struct epoll_event events[EVENTS];
  uint64_t now = clock_ns();
  if (run->errors > 0 || now >= deadline) return false;
  serve(run, events, epoll_wait(run->epoll, events, EVENTS, timeout_until(run, now, deadline)));
  return true;
}

// What is due goes out between any two sockets, so that a burst of them delays it little.
static void serve(struct run *run, const struct epoll_event *events, int n) {
  for (int i = 0; i < n; i++) {
    if (events[i].data.ptr == run)
      run->on_watched(run);
    else
      client_serve(events[i].data.ptr, events[i].events);
    if (run->on_turn != NULL) run->on_turn(run);
  }
  if (n == 0 && run->on_turn != NULL) run->on_turn(run);
}

static int timeout_until(const struct run *run, uint64_t now, uint64_t deadline) {
  if (run->spinning) return 0;
  uint64_t left = (deadline - now) / (RUN_SECOND / 1000) + 1;
  return left < 1000 ? (int)left : 1000;
}

static struct mark take_mark(struct run *run) {
  struct mark mark = {0};
  if (run->options->pid != 0 && process_cpu(run->options->pid, &mark.server) != 0)
    run_complain(run, "the server's processor time can't be read");
  if (process_cpu(getpid(), &mark.own) != 0) run_complain(run, "no processor time can be read");
  mark.now = clock_ns();
  return mark;
}
