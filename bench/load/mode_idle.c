// idle: what a connection costs in memory, the server's and the kernel's. The first FLEET_WINDOW
// connections pay for what is allocated once, and count for nothing. Main thread.

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/clock.h"
#include "client.h"
#include "process.h"
#include "run.h"

#define SETTLE       0.3 // seconds for a server's memory to come to rest
#define ECHO_SECONDS 30

struct idle {
  uint32_t asked;
  uint32_t answered; // clients that have had their echo
  bool is_released;
};

static void ask_all(struct run *run);
static void ask_next(struct run *run);
static void on_echo(struct client *c);
static bool all_have_answered(const struct run *run);
static struct memory read_memory(struct run *run);
static uint64_t ask_script(const struct options *o);
static void hold(struct run *run);
static void on_stdin(struct run *run);
static bool is_released(const struct run *run);

void mode_idle(const struct options *options, struct result *result) {
  struct idle idle = {0};
  struct run run = {.fleet = {.on_message = on_echo}, .mode = &idle};
  run_init(&run, options, result);
  result->base = options->connections < 2 * FLEET_WINDOW ? 0 : FLEET_WINDOW;
  run_open(&run, &run.fleet, result->base);
  ask_all(&run);
  result->before = read_memory(&run);
  run_open(&run, &run.fleet, options->connections);
  result->untouched = read_memory(&run);
  ask_all(&run);
  result->used = read_memory(&run);
  if (options->hold) hold(&run);
  run_deinit(&run);
}

static void ask_all(struct run *run) {
  ask_next(run);
  if (!run_for(run, ECHO_SECONDS, all_have_answered)) run_complain(run, "echoes were lost");
}

// A window here too, since thousands of messages at once would measure the server's queues.
static void ask_next(struct run *run) {
  struct idle *idle = run->mode;
  while (idle->asked < run->fleet.open && idle->asked - idle->answered < FLEET_WINDOW) {
    client_send(&run->fleet.clients[idle->asked++], clock_ns());
    fleet_flush(&run->fleet);
  }
}

static void on_echo(struct client *c) {
  struct run *run = c->fleet->context;
  struct idle *idle = run->mode;
  idle->answered++;
  ask_next(run);
}

static bool all_have_answered(const struct run *run) {
  const struct idle *idle = run->mode;
  return idle->answered == run->fleet.open;
}

static struct memory read_memory(struct run *run) {
  const struct options *o = run->options;
  struct memory memory = {0};
  run_for(run, SETTLE, NULL);
  if (run->errors > 0 || o->pid == 0) return memory;
  if (o->memory_path != NULL) memory.script = ask_script(o);
  if (process_memory(o->pid, &memory.server) != 0 || process_kernel_memory(&memory.kernel) != 0)
    run_complain(run, "the server's or the kernel's memory can't be read");
  return memory;
}

// By a plain request, whose answer is a number. 0 where there is none: few servers can tell.
static uint64_t ask_script(const struct options *o) {
  char text[1024];
  size_t n = 0;
  struct timeval patience = {.tv_sec = 10};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (const struct sockaddr *)&o->address, sizeof o->address) == 0) {
    snprintf(text, sizeof text,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", o->memory_path,
             ntohs(o->address.sin_port));
    send(fd, text, strlen(text), MSG_NOSIGNAL);
    for (ssize_t got; n < sizeof text - 1; n += (size_t)got)
      if ((got = recv(fd, text + n, sizeof text - 1 - n, 0)) <= 0) break;
  }
  close(fd);
  text[n] = 0;
  const char *body = strstr(text, "\r\n\r\n");
  uint64_t bytes = 0;
  if (strncmp(text, "HTTP/1.1 200", 12) == 0 && body != NULL) sscanf(body, " %" SCNu64, &bytes);
  return bytes;
}

// Pings are answered meanwhile.
static void hold(struct run *run) {
  run->on_watched = on_stdin;
  run_watch(run, STDIN_FILENO);
  run_until(run, RUN_FOREVER, is_released);
}

static void on_stdin(struct run *run) {
  struct idle *idle = run->mode;
  idle->is_released = true;
}

static bool is_released(const struct run *run) {
  const struct idle *idle = run->mode;
  return idle->is_released;
}
