// A worker for specs, whose reactor is the spec: it posts events and takes commands.

#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "crew/crew.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "script/worker.h"

#include "probe.h"

#define WORKER "probe.worker"

enum { SLOTS = 256, PATIENCE_MS = 5000 };

struct probe_worker {
  struct mailbox *commands; // what a reactor's mailbox would be
  struct worker *worker;
  struct crew *crew;
  struct batch events;
  struct block *taken;
  char *code;
  _Atomic uint64_t bytes_taken[SLOTS];
  uint64_t server; // id of the newest one that was answered at once
  atomic_int exit_code;
  uint64_t web;               // id of the newest one
  uint16_t asked;             // enum command_type of the last call
  struct server_group *group; // of that call, when it adds a server
  struct pool pool;
  struct roster roster;
  struct ids ids;
  struct stats stats;
  bool is_joined;
};

static struct probe_worker *check(lua_State *L) {
  return luaL_checkudata(L, 1, WORKER);
}

static void on_end(void *context, int exit_code) {
  ((struct probe_worker *)context)->exit_code = exit_code;
}

// Nothing is left to do for it: main would end it then.
static void on_quiet(void *context) {
  struct probe_worker *p = context;
  struct event_stop stop = {.exit_code = 0};
  roster_tell(&p->roster, EVENT_STOP, &stop, sizeof stop);
}

// worker.start(script) -> worker. Its log is off: what a script has to say it sends.
static int start(lua_State *L) {
  const char *code = luaL_checkstring(L, 1);
  struct probe_worker *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  luaL_setmetatable(L, WORKER);
  log_configure(LOG_OFF, LOG_TEXT);
  p->code = mem_dup(code, strlen(code));
  p->commands = mailbox_new();
  roster_init(&p->roster, NULL, on_quiet, p);
  stats_all_init(&p->pool.stats);
  struct worker_options options = {.pool = &p->pool,
                                   .roster = &p->roster,
                                   .kin = 1,
                                   .stats = &p->stats,
                                   .ids = &p->ids,
                                   .reactors = &p->commands,
                                   .reactor_count = 1,
                                   .code = p->code,
                                   .program = "luaws-spec",
                                   .working = ".",
                                   .port = -1,
                                   .on_end = on_end,
                                   .context = p};
  struct err err;
  p->worker = worker_new(&options, &err);
  roster_enter(&p->roster, worker_seat(p->worker), true);
  batch_init(&p->events, worker_mailbox(p->worker));
  p->crew = crew_new(NULL, p->worker);
  crew_start(p->crew);
  return 1;
}

// To the call that came last: a worker has one at a time.
static void reply(struct probe_worker *p, uint64_t call, bool ok) {
  struct record *r = batch_push(&p->events, EVENT_REPLY, call, sizeof(struct event_reply));
  struct event_reply *answer = (struct event_reply *)r->payload;
  *answer = (struct event_reply){.ok = ok, .is_first = true, .count = 42};
  if (ok && p->asked == COMMAND_WEB_START)
    answer->web =
        web_group_new(mem_dup("127.0.0.1", 9), 4711, &(struct web_config){.host = "127.0.0.1"});
  if (ok && p->asked == COMMAND_SERVER_ADD)
    answer->server = p->group;
  else
    server_group_unref(p->group);
  p->group = NULL;
  if (!ok) err_set(&answer->err, ERR_LUAW, 1, "refused by the spec");
}

// The answer goes out at once, or is left to w:reply.
static void take_call(struct probe_worker *p, struct record *r, bool is_answered) {
  p->asked = r->type;
  if (r->type == COMMAND_SERVER_ADD) {
    struct server_config *config = ((struct command_server *)r->payload)->config;
    p->group = ((struct command_server *)r->payload)->group;
    if (is_answered) p->server = config->id;
    server_config_unref(config);
  } else if (r->type != COMMAND_COUNT) {
    p->web = ((struct command_web *)r->payload)->config->id;
    web_config_unref(((struct command_web *)r->payload)->config);
  }
  if (!is_answered) return;
  reply(p, r->id, true);
  batch_flush(&p->events);
}

static const char *name_of(uint16_t type) {
  static const char *const NAMES[] = {[COMMAND_WEB_START] = "WEB_START",
                                      [COMMAND_WEB_UPDATE] = "WEB_UPDATE",
                                      [COMMAND_WEB_STOP] = "WEB_STOP",
                                      [COMMAND_SERVER_ADD] = "SERVER_ADD",
                                      [COMMAND_SERVER_CLOSE] = "SERVER_CLOSE",
                                      [COMMAND_ACCEPT] = "ACCEPT",
                                      [COMMAND_REFUSE] = "REFUSE",
                                      [COMMAND_RESPOND] = "RESPOND",
                                      [COMMAND_PASS] = "PASS",
                                      [COMMAND_SEND] = "SEND",
                                      [COMMAND_FANOUT] = "FANOUT",
                                      [COMMAND_BROADCAST] = "BROADCAST",
                                      [COMMAND_PUBLISH] = "PUBLISH",
                                      [COMMAND_SUBSCRIBE] = "SUBSCRIBE",
                                      [COMMAND_UNSUBSCRIBE] = "UNSUBSCRIBE",
                                      [COMMAND_COUNT] = "COUNT",
                                      [COMMAND_CLOSE] = "CLOSE",
                                      [COMMAND_FINISH] = "FINISH",
                                      [COMMAND_FAIL] = "FAIL",
                                      [COMMAND_DESTROY] = "DESTROY",
                                      [COMMAND_PING] = "PING",
                                      [COMMAND_CREDIT] = "CREDIT",
                                      [COMMAND_CONSUMED] = "CONSUMED"};
  return type < sizeof NAMES / sizeof NAMES[0] && NAMES[type] ? NAMES[type] : "?";
}

static void push_fanout(lua_State *L, const struct command_fanout *command) {
  const char *frame = (const char *)(command + 1);
  lua_pushlstring(L, frame, command->frame_length);
  lua_setfield(L, -2, "payload");
  const char *handles = frame + (((size_t)command->frame_length + 7) & ~(size_t)7);
  lua_createtable(L, (int)command->count, 0);
  for (uint32_t i = 0; i < command->count; i++) {
    uint64_t handle;
    memcpy(&handle, handles + i * sizeof handle, sizeof handle);
    lua_pushinteger(L, (lua_Integer)handle);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "handles");
}

static void push_publish(lua_State *L, const struct command_publish *command) {
  const char *frame = (const char *)(command + 1);
  lua_pushlstring(L, frame, command->frame_length);
  lua_setfield(L, -2, "payload");
  lua_pushlstring(L, frame + command->frame_length, command->topic_length);
  lua_setfield(L, -2, "topic");
  lua_pushinteger(L, (lua_Integer)command->except);
  lua_setfield(L, -2, "except");
}

static void push_command(lua_State *L, struct record *r) {
  lua_newtable(L);
  lua_pushstring(L, name_of(r->type));
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, (lua_Integer)r->id);
  lua_setfield(L, -2, "id");
  lua_pushinteger(L, r->credit);
  lua_setfield(L, -2, "credit");
  if (r->type == COMMAND_FANOUT) {
    push_fanout(L, (const struct command_fanout *)r->payload);
    return;
  }
  if (r->type == COMMAND_BROADCAST || r->type == COMMAND_PUBLISH) {
    push_publish(L, (const struct command_publish *)r->payload);
    return;
  }
  lua_pushlstring(L, (const char *)r->payload, r->length);
  lua_setfield(L, -2, "payload");
}

// w:take([answer]) -> the commands of all blocks posted so far, at least of one; nil when none
// comes. `answer` false: calls wait for w:reply.
static int take(lua_State *L) {
  struct probe_worker *p = check(L);
  bool is_answered = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
  while (!(p->taken = mailbox_take(p->commands, p->taken))) {
    if (!mailbox_sleep(p->commands, false)) continue;
    struct pollfd fd = {.fd = mailbox_fd(p->commands), .events = POLLIN};
    if (poll(&fd, 1, PATIENCE_MS) == 0) return 0;
  }
  lua_newtable(L);
  lua_Integer count = 0;
  for (struct block *b = p->taken; b; b = b->next) {
    for (struct record *r = record_first(b); r; r = record_next(b, r)) {
      push_command(L, r);
      lua_rawseti(L, -2, ++count);
      bool is_call = r->type == COMMAND_WEB_START || r->type == COMMAND_WEB_UPDATE ||
                     r->type == COMMAND_SERVER_ADD || r->type == COMMAND_COUNT;
      if (is_call) take_call(p, r, is_answered);
    }
  }
  return 1;
}

// w:reply(call, ok)
static int send_reply(lua_State *L) {
  struct probe_worker *p = check(L);
  reply(p, (uint64_t)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
  return 0;
}

// w:connect(slot [, target]) -> handle
static int connect_slot(lua_State *L) {
  struct probe_worker *p = check(L);
  uint64_t slot = (uint64_t)luaL_checkinteger(L, 2);
  luaL_argcheck(L, slot < SLOTS, 2, "slot");
  size_t length;
  const char *target = luaL_optlstring(L, 3, "/", &length);
  uint64_t id = ids_draw(&p->ids), handle = id << 32 | slot;
  struct record *r =
      batch_push(&p->events, EVENT_CONNECT, handle, sizeof(struct event_request) + length);
  struct event_request *request = (struct event_request *)r->payload;
  *request = (struct event_request){.connection = id,
                                    .server = p->server,
                                    .taken = &p->bytes_taken[slot],
                                    .taken_before = p->bytes_taken[slot],
                                    .target = {sizeof *request, (uint32_t)length}};
  memcpy(request + 1, target, length);
  lua_pushinteger(L, (lua_Integer)handle);
  return 1;
}

// w:event(type, handle [, payload [, flags]]): one of those whose payload is plain.
static int push_event(lua_State *L) {
  static const char *const NAMES[] = {"MESSAGE",       "DRAIN",       "ANSWER_LATE",
                                      "SERVER_CLOSED", "WEB_STOPPED", NULL};
  static const uint16_t TYPES[] = {EVENT_MESSAGE, EVENT_DRAIN, EVENT_ANSWER_LATE,
                                   EVENT_SERVER_CLOSED, EVENT_WEB_STOPPED};
  struct probe_worker *p = check(L);
  uint16_t type = TYPES[luaL_checkoption(L, 2, NULL, NAMES)];
  uint64_t id = type == EVENT_SERVER_CLOSED ? p->server : (uint64_t)luaL_checkinteger(L, 3);
  size_t length;
  const char *payload = luaL_optlstring(L, 4, "", &length);
  struct record *r = batch_push(&p->events, type, id, length);
  r->flags = (uint16_t)luaL_optinteger(L, 5, 0);
  memcpy(r->payload, payload, length);
  return 0;
}

// w:slow(handle): the reactor has failed a slow consumer.
static int push_slow(lua_State *L) {
  struct probe_worker *p = check(L);
  struct record *r =
      batch_push(&p->events, EVENT_ERROR, (uint64_t)luaL_checkinteger(L, 2), sizeof(struct err));
  r->flags = EVENT_SLOW;
  err_set((struct err *)r->payload, ERR_LUAW, 1008, "slow consumer: told by the spec");
  return 0;
}

// w:web() -> the id of the web server that was started last
static int get_web(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->web);
  return 1;
}

// w:closed(handle, code)
static int closed(lua_State *L) {
  struct probe_worker *p = check(L);
  struct record *r = batch_push(&p->events, EVENT_CLOSED, (uint64_t)luaL_checkinteger(L, 2),
                                sizeof(struct event_closed));
  *(struct event_closed *)r->payload =
      (struct event_closed){.code = (uint16_t)luaL_checkinteger(L, 3)};
  return 0;
}

// w:stop(exitCode)
static int stop(lua_State *L) {
  struct probe_worker *p = check(L);
  struct record *r = batch_push(&p->events, EVENT_STOP, 0, sizeof(struct event_stop));
  ((struct event_stop *)r->payload)->exit_code = (int)luaL_checkinteger(L, 2);
  return 0;
}

// w:flush(): hands the events over.
static int flush(lua_State *L) {
  batch_flush(&check(L)->events);
  return 0;
}

// w:takeBytes(handle, n): the kernel has taken n more.
static int take_bytes(lua_State *L) {
  struct probe_worker *p = check(L);
  uint64_t slot = (uint64_t)luaL_checkinteger(L, 2) & 0xffffffff;
  luaL_argcheck(L, slot < SLOTS, 2, "slot");
  p->bytes_taken[slot] += (uint64_t)luaL_checkinteger(L, 3);
  return 0;
}

// w:counters() -> blocks of commands posted, allocations in C by this process
static int counters(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mailbox_stats(check(L)->commands).blocks);
  lua_pushinteger(L, (lua_Integer)mem_count());
  return 2;
}

// w:join() -> exit code; the worker must be ending.
static int join(lua_State *L) {
  struct probe_worker *p = check(L);
  crew_join(p->crew);
  p->is_joined = true;
  lua_pushinteger(L, p->exit_code);
  return 1;
}

// Ends a worker that the spec has left running. Nothing of it may hang: it is told what it waits
// for.
static int gc(lua_State *L) {
  struct probe_worker *p = check(L);
  if (!p->worker) return 0;
  luaL_argcheck(L, p->is_joined, 1, "a worker must be joined");
  batch_deinit(&p->events);
  struct block *left = mailbox_take(p->commands, p->taken);
  for (struct block *b = left; b; b = b->next)
    for (struct record *r = record_first(b); r; r = record_next(b, r))
      if (r->type == COMMAND_FORGET) mailbox_unref(((struct command_forget *)r->payload)->owner);
  mailbox_take(p->commands, left);
  roster_deinit(&p->roster);
  stats_all_deinit(&p->pool.stats);
  crew_free(p->crew);
  worker_free(p->worker);
  mailbox_unref(p->commands);
  mem_free(p->code);
  p->worker = NULL;
  return 0;
}

int probe_open_worker(lua_State *L) {
  static const luaL_Reg METHODS[] = {{"take", take},
                                     {"reply", send_reply},
                                     {"connect", connect_slot},
                                     {"event", push_event},
                                     {"slow", push_slow},
                                     {"web", get_web},
                                     {"closed", closed},
                                     {"stop", stop},
                                     {"flush", flush},
                                     {"takeBytes", take_bytes},
                                     {"counters", counters},
                                     {"join", join},
                                     {"__gc", gc},
                                     {NULL, NULL}};
  probe_add_class(L, WORKER, METHODS);
  lua_newtable(L);
  lua_pushcfunction(L, start);
  lua_setfield(L, -2, "start");
  return 1;
}
