// The server on one thread. Main thread, but for start_script.

#include "instructions/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include "base/log.h"
#include "reactor/loop.h"
#include "script/webserver.h"
#include "script/wss.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else // counts nothing
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS_AT(label) (void)(label)
#endif

static void fail(const char *why) {
  fprintf(stderr, "luaws-instructions: %s\n", why);
  exit(EXIT_FAILURE);
}

static void toggle(const struct stage *s, enum stage_part part) {
  if (s->counted == part) CALLGRIND_TOGGLE_COLLECT;
}

static void turn_reactor(struct stage *s) {
  toggle(s, STAGE_REACTOR);
  uv_run(&s->reactor->loop, UV_RUN_NOWAIT);
  toggle(s, STAGE_REACTOR);
}

static void turn_worker(struct stage *s) {
  toggle(s, STAGE_WORKER);
  runtime_turn(&s->runtime);
  toggle(s, STAGE_WORKER);
}

// The script waits for the reactor, which is this thread's as well.
static bool help(void *context) {
  struct stage *s = context;
  reactor_turn(s->reactor, true);
  return true;
}

// The stage says when it ends.
static void on_quiet(void *context) {
  (void)context;
}

void stage_open(struct stage *s, const char *script, const char *argument) {
  struct err err;
  log_configure(LOG_OFF, LOG_TEXT);
  *s = (struct stage){.reactor = reactor_new(0, 1, &s->ids, &err), .events = mailbox_new()};
  if (!s->reactor || !s->events) fail("no descriptors");
  s->commands = reactor_mailbox(s->reactor);
  char *args[] = {(char *)argument, NULL};
  roster_init(&s->roster, NULL, on_quiet, NULL);
  stats_all_init(&s->pool.stats);
  s->options = (struct worker_options){.pool = &s->pool,
                                       .roster = &s->roster,
                                       .kin = 1,
                                       .stats = &s->stats,
                                       .ids = &s->ids,
                                       .reactors = &s->commands,
                                       .reactor_count = 1,
                                       .script = script,
                                       .program = "luaws-instructions",
                                       .args = args,
                                       .host = "127.0.0.1",
                                       .port = 0};
  s->seat = seat_new(WORKER_MAIN, s->events);
  roster_enter(&s->roster, s->seat, true);
  runtime_init(&s->runtime, &s->options, s->seat);
  outgoing_set_help(&s->runtime.outgoing[0], help, s);
  runtime_start(&s->runtime);
  runtime_turn(&s->runtime);
  s->options.args = NULL;
  if (!s->runtime.default_web || !s->runtime.default_web->is_running) fail("the script has failed");
  s->port = s->runtime.default_web->port;
}

void stage_close(struct stage *s) {
  runtime_stop(&s->runtime, 0);
  while (runtime_is_alive(&s->runtime)) {
    runtime_turn(&s->runtime);
    reactor_turn(s->reactor, true);
  }
  runtime_deinit(&s->runtime);
  reactor_quit(s->reactor);
  while (reactor_turn(s->reactor, true))
    ;
  reactor_end(s->reactor);
  reactor_free(s->reactor);
  mailbox_take(s->events, s->runtime.finished);
  roster_leave(&s->roster, s->seat);
  seat_unref(s->seat);
  mailbox_unref(s->events);
  roster_deinit(&s->roster);
  stats_all_deinit(&s->pool.stats);
}

void stage_turn(struct stage *s) {
  turn_reactor(s);
  turn_worker(s);
  turn_reactor(s);
}

uint64_t stage_connections(const struct stage *s) {
  uint64_t count = 0;
  for (struct list *i = s->runtime.wsses.next; i != &s->runtime.wsses; i = i->next)
    count += LIST_ENTRY(i, struct wss, node)->count;
  return count;
}

void stage_dump(const char *label) {
  CALLGRIND_DUMP_STATS_AT(label);
}
