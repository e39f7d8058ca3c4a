// The reactor for specs: its small parts by themselves, and a whole one whose worker is an echo in
// C, so that what is counted is the data path alone.

#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "crew/crew.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/files.h"
#include "reactor/outbox.h"
#include "reactor/reactor.h"
#include "reactor/registry.h"
#include "ws/frame.h"

#include "probe.h"

#define REGISTRY "probe.registry"
#define OUTBOX   "probe.outbox"
#define ECHO     "probe.echo"

// registry -------------------------------------------------------------------------------------

static int registry_new(lua_State *L) {
  unsigned index = (unsigned)luaL_optinteger(L, 1, 0);
  registry_init(lua_newuserdatauv(L, sizeof(struct registry), 0), index);
  luaL_setmetatable(L, REGISTRY);
  return 1;
}

static int registry_gc(lua_State *L) {
  registry_deinit(luaL_checkudata(L, 1, REGISTRY));
  return 0;
}

// The registry only keeps the pointer: a number will do.
static int add(lua_State *L) {
  struct registry *r = luaL_checkudata(L, 1, REGISTRY);
  uintptr_t conn = (uintptr_t)luaL_checkinteger(L, 2);
  lua_pushinteger(L, (lua_Integer)registry_add(r, (struct conn *)conn));
  return 1;
}

static int find(lua_State *L) {
  struct registry *r = luaL_checkudata(L, 1, REGISTRY);
  struct conn *conn = registry_find(r, (uint64_t)luaL_checkinteger(L, 2));
  if (conn)
    lua_pushinteger(L, (lua_Integer)(uintptr_t)conn);
  else
    lua_pushnil(L);
  return 1;
}

static int drop(lua_State *L) {
  registry_remove(luaL_checkudata(L, 1, REGISTRY), (uint64_t)luaL_checkinteger(L, 2));
  return 0;
}

static const luaL_Reg REGISTRY_METHODS[] = {
    {"add", add}, {"find", find}, {"remove", drop}, {"__gc", registry_gc}, {NULL, NULL}};

// outbox ---------------------------------------------------------------------------------------

static int outbox_new(lua_State *L) {
  outbox_init(lua_newuserdatauv(L, sizeof(struct outbox), 0));
  luaL_setmetatable(L, OUTBOX);
  return 1;
}

static int outbox_gc(lua_State *L) {
  outbox_deinit(luaL_checkudata(L, 1, OUTBOX));
  return 0;
}

// outbox:push(bytes, counted)
static int outbox_add(lua_State *L) {
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  outbox_push(luaL_checkudata(L, 1, OUTBOX), data, n, lua_toboolean(L, 3));
  return 0;
}

// outbox:pushShared(bytes, offset)
static int outbox_add_shared(lua_State *L) {
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  struct shared *s = shared_new(data, n);
  outbox_push_shared(luaL_checkudata(L, 1, OUTBOX), s, (size_t)luaL_checkinteger(L, 3));
  shared_unref(s);
  return 0;
}

// outbox:peek(max) -> bytes, number of runs
static int peek(lua_State *L) {
  struct iovec iov[16];
  int max = (int)luaL_optinteger(L, 2, 16);
  int count = outbox_peek(luaL_checkudata(L, 1, OUTBOX), iov, max);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 0; i < count; i++)
    luaL_addlstring(&b, iov[i].iov_base, iov[i].iov_len);
  luaL_pushresult(&b);
  lua_pushinteger(L, count);
  return 2;
}

static int consume(lua_State *L) {
  struct outbox *o = luaL_checkudata(L, 1, OUTBOX);
  lua_pushinteger(L, (lua_Integer)outbox_consume(o, (size_t)luaL_checkinteger(L, 2)));
  return 1;
}

// outbox:clear() -> counted bytes, whether a chunk was torn
static int clear(lua_State *L) {
  bool torn;
  lua_pushinteger(L, (lua_Integer)outbox_clear(luaL_checkudata(L, 1, OUTBOX), &torn));
  lua_pushboolean(L, torn);
  return 2;
}

static int size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)outbox_bytes(luaL_checkudata(L, 1, OUTBOX)));
  return 1;
}

static const luaL_Reg OUTBOX_METHODS[] = {{"push", outbox_add}, {"pushShared", outbox_add_shared},
                                          {"peek", peek},       {"consume", consume},
                                          {"clear", clear},     {"size", size},
                                          {"__gc", outbox_gc},  {NULL, NULL}};

// files ----------------------------------------------------------------------------------------

// openFile(root, name, isFolder) -> content, size; nil, "none" or "folder"; nil, message
static int open_file(lua_State *L) {
  struct files_root root;
  struct err err;
  struct http_file file;
  if (files_root_open(&root, luaL_checkstring(L, 1), &err) != 0) {
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
  }
  int fd = files_open(&root, luaL_checkstring(L, 2), lua_toboolean(L, 3), &file);
  files_root_close(&root);
  if (fd < 0) {
    lua_pushnil(L);
    lua_pushstring(L, fd == FILES_FOLDER ? "folder" : "none");
    return 2;
  }
  char content[256];
  ssize_t n = read(fd, content, sizeof content);
  close(fd);
  lua_pushlstring(L, content, n > 0 ? (size_t)n : 0);
  lua_pushinteger(L, (lua_Integer)file.size);
  return 2;
}

// echo -----------------------------------------------------------------------------------------

struct echo {
  struct reactor *reactor;
  struct ids ids;
  struct crew *crew;
  struct mailbox *events;
  struct batch commands;
  uint16_t port;
  uint32_t messages;
  uint64_t request_timeout, response_timeout, linger_timeout;
  bool has_handler;
};

static struct web_config *echo_web(struct echo *e) {
  struct web_config *c = web_config_new();
  c->id = 1;
  c->owner = mailbox_ref(e->events);
  c->host = mem_dup("127.0.0.1", 9);
  c->handshake_timeout = c->keep_alive_timeout = CONFIG_NONE;
  c->request_timeout = e->request_timeout;
  c->response_timeout = e->response_timeout;
  c->linger_timeout = e->linger_timeout;
  c->has_handler = e->has_handler;
  c->max_body = 1 << 20;
  return c;
}

static struct server_config *echo_server(struct echo *e) {
  struct server_config *c = server_config_new();
  c->id = 2;
  c->web = 1;
  c->owner = mailbox_ref(e->events);
  c->link.max_payload = 1 << 20;
  c->link.max_fragments = 16384;
  c->max_connections = c->max_connections_per_address = c->link.max_message_rate = CONFIG_NONE;
  c->link.ping_interval = c->link.pong_timeout = c->link.close_timeout = CONFIG_NONE;
  c->answer_timeout = CONFIG_NONE;
  return c;
}

static void accept_one(struct echo *e, uint64_t handle) {
  struct record *r =
      batch_push(&e->commands, COMMAND_ACCEPT, handle, sizeof(struct command_accept));
  memset(r->payload, 0, r->length);
}

static void echo_one(struct echo *e, const struct record *event) {
  size_t length = ws_frame_header_size(event->length, false) + event->length;
  struct record *r = batch_push(&e->commands, COMMAND_SEND, event->id, length);
  size_t head = ws_frame_write(r->payload, WS_OPCODE_TEXT, true, false, event->length, NULL);
  memcpy(r->payload + head, event->payload, event->length);
  r->credit = EVENT_COST(event->length);
  r = batch_push(&e->commands, COMMAND_CONSUMED, 0, sizeof(struct command_consumed));
  ((struct command_consumed *)r->payload)->owner = e->events;
  r->credit = EVENT_COST(event->length);
  e->messages++;
}

// "/bytes/1000" is answered with so many, anything else never.
static void respond(struct echo *e, const struct record *event) {
  const struct event_request *request = (const struct event_request *)event->payload;
  char target[64];
  unsigned long bytes;
  struct span span = event_slice_span(request, request->target);
  snprintf(target, sizeof target, "%.*s", (int)span.n, span.p);
  if (sscanf(target, "/bytes/%lu", &bytes) != 1) return;
  struct command_respond head = {.status = 200, .body_length = (uint32_t)bytes};
  struct record *r =
      batch_push(&e->commands, COMMAND_RESPOND, event->id, sizeof head + (size_t)bytes);
  memcpy(r->payload, &head, sizeof head);
  memset(r->payload + sizeof head, 'x', bytes);
}

static void take_reply(struct echo *e, const struct event_reply *reply) {
  if (reply->web) e->port = reply->web->port;
  web_group_unref(reply->web);
  server_group_unref(reply->server);
}

static void answer(struct echo *e, const struct record *event) {
  switch ((enum event_type)event->type) {
  case EVENT_REPLY: take_reply(e, (const struct event_reply *)event->payload); return;
  case EVENT_CONNECT: accept_one(e, event->id); return;
  case EVENT_MESSAGE: echo_one(e, event); return;
  case EVENT_REQUEST: respond(e, event); return;
  default: return;
  }
}

// Works off what comes until the mailbox has been silent for `ms`.
static void serve(struct echo *e, int ms) {
  struct block *blocks = NULL;
  for (;;) {
    blocks = mailbox_take(e->events, blocks);
    for (struct block *b = blocks; b; b = b->next) {
      for (struct record *r = record_first(b); r; r = record_next(b, r))
        answer(e, r);
    }
    batch_flush(&e->commands);
    if (blocks || !mailbox_sleep(e->events, false)) continue;
    struct pollfd fd = {mailbox_fd(e->events), POLLIN, 0};
    if (poll(&fd, 1, ms) == 0) return;
  }
}

static uint64_t read_time(lua_State *L, const char *name) {
  if (!lua_istable(L, 1)) return CONFIG_NONE;
  uint64_t ms = lua_getfield(L, 1, name) == LUA_TNIL ? CONFIG_NONE : (uint64_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return ms;
}

// echo([{ requestTimeout = ms, responseTimeout =, lingerTimeout = }]) -> a reactor that listens,
// and its worker. With the table plain requests are the worker's.
static int echo_new(lua_State *L) {
  struct err err;
  uint64_t request_timeout = read_time(L, "requestTimeout");
  uint64_t response_timeout = read_time(L, "responseTimeout");
  uint64_t linger_timeout = read_time(L, "lingerTimeout");
  bool has_handler = lua_istable(L, 1);
  struct echo *e = lua_newuserdatauv(L, sizeof *e, 0);
  memset(e, 0, sizeof *e);
  luaL_setmetatable(L, ECHO);
  e->request_timeout = request_timeout;
  e->response_timeout = response_timeout;
  e->linger_timeout = linger_timeout;
  e->has_handler = has_handler;
  e->reactor = reactor_new(0, 1, &e->ids, &err);
  e->events = mailbox_new();
  batch_init(&e->commands, reactor_mailbox(e->reactor));
  e->crew = crew_new(e->reactor, NULL);
  if (crew_start(e->crew) != 0) return luaL_error(L, "no thread");
  struct record *r = batch_push(&e->commands, COMMAND_WEB_START, 1, sizeof(struct command_web));
  *(struct command_web *)r->payload =
      (struct command_web){.config = echo_web(e), .reply_to = e->events};
  r = batch_push(&e->commands, COMMAND_SERVER_ADD, 2, sizeof(struct command_server));
  *(struct command_server *)r->payload =
      (struct command_server){echo_server(e), e->events, server_group_new()};
  batch_flush(&e->commands);
  while (e->port == 0)
    serve(e, 10);
  return 1;
}

static int echo_close(lua_State *L) {
  struct echo *e = luaL_checkudata(L, 1, ECHO);
  if (!e->reactor) return 0;
  reactor_quit(e->reactor);
  crew_join(e->crew);
  crew_free(e->crew);
  batch_deinit(&e->commands);
  reactor_free(e->reactor);
  mailbox_unref(e->events);
  e->reactor = NULL;
  return 0;
}

static int echo_port(lua_State *L) {
  lua_pushinteger(L, ((struct echo *)luaL_checkudata(L, 1, ECHO))->port);
  return 1;
}

// echo:serve(ms) -> messages echoed so far, blocks of events, blocks of commands, allocations
static int echo_serve(lua_State *L) {
  struct echo *e = luaL_checkudata(L, 1, ECHO);
  serve(e, (int)luaL_checkinteger(L, 2));
  lua_pushinteger(L, e->messages);
  lua_pushinteger(L, (lua_Integer)mailbox_stats(e->events).blocks);
  lua_pushinteger(L, (lua_Integer)mailbox_stats(reactor_mailbox(e->reactor)).blocks);
  lua_pushinteger(L, (lua_Integer)mem_count());
  return 4;
}

// echo:fd() -> readable when serve has something to do
static int echo_fd(lua_State *L) {
  struct echo *e = luaL_checkudata(L, 1, ECHO);
  lua_pushinteger(L, mailbox_fd(e->events));
  return 1;
}

static const luaL_Reg ECHO_METHODS[] = {{"port", echo_port},  {"serve", echo_serve},
                                        {"fd", echo_fd},      {"close", echo_close},
                                        {"__gc", echo_close}, {NULL, NULL}};

static const luaL_Reg FUNCTIONS[] = {{"registry", registry_new},
                                     {"outbox", outbox_new},
                                     {"openFile", open_file},
                                     {"echo", echo_new},
                                     {NULL, NULL}};

int probe_open_reactor(lua_State *L) {
  probe_add_class(L, REGISTRY, REGISTRY_METHODS);
  probe_add_class(L, OUTBOX, OUTBOX_METHODS);
  probe_add_class(L, ECHO, ECHO_METHODS);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
