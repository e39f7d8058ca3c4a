// A whole reactor for specs whose worker is the spec: it dials, and takes what comes of that. So
// what is a client's in a reactor is seen by itself.

#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include "base/mem.h"
#include "crew/crew.h"
#include "mailbox/command.h"
#include "mailbox/event.h"
#include "reactor/reactor.h"
#include "ws/frame.h"
#include "probe.h"

#define DIALER "probe.dialer"

struct dialer {
  struct reactor *reactor;
  struct ids ids;
  struct crew *crew;
  struct mailbox *events;
  struct batch commands;
};

static struct dialer *check_dialer(lua_State *L) {
  struct dialer *d = luaL_checkudata(L, 1, DIALER);
  luaL_argcheck(L, d->reactor, 1, "it has ended");
  return d;
}

static int new_dialer(lua_State *L) {
  struct err err;
  struct dialer *d = lua_newuserdatauv(L, sizeof *d, 0);
  memset(d, 0, sizeof *d);
  luaL_setmetatable(L, DIALER);
  d->reactor = reactor_new(0, 1, &d->ids, &err);
  if (!d->reactor) return luaL_error(L, "%s", err.text);
  d->events = mailbox_new();
  batch_init(&d->commands, reactor_mailbox(d->reactor));
  d->crew = crew_new(d->reactor, NULL);
  if (crew_start(d->crew) != 0) return luaL_error(L, "no thread");
  return 1;
}

static int end_dialer(lua_State *L) {
  struct dialer *d = luaL_checkudata(L, 1, DIALER);
  if (!d->reactor) return 0;
  reactor_quit(d->reactor);
  crew_join(d->crew);
  crew_free(d->crew);
  batch_deinit(&d->commands);
  reactor_free(d->reactor);
  mailbox_unref(d->events);
  d->reactor = NULL;
  return 0;
}

// Configurations ----------------------------------------------------------------------------------

static char *read_string(lua_State *L, const char *name, const char *usual) {
  size_t n;
  lua_getfield(L, 2, name);
  const char *s = luaL_optlstring(L, -1, usual, &n);
  char *copy = s ? mem_dup(s, strlen(s)) : NULL;
  lua_pop(L, 1);
  return copy;
}

static uint64_t read_number(lua_State *L, const char *name, uint64_t usual) {
  lua_getfield(L, 2, name);
  uint64_t n = lua_isnil(L, -1) ? usual : (uint64_t)luaL_checkinteger(L, -1);
  lua_pop(L, 1);
  return n;
}

static bool read_flag(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  bool is_set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_set;
}

static char **read_list(lua_State *L, const char *name) {
  if (lua_getfield(L, 2, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return NULL;
  }
  size_t count = lua_rawlen(L, -1);
  char **list = mem_zalloc((count + 1) * sizeof *list);
  for (size_t i = 0; i < count; i++) {
    size_t n;
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    const char *s = luaL_checklstring(L, -1, &n);
    list[i] = mem_dup(s, n);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return list;
}

static void read_link(lua_State *L, struct link_config *link) {
  link->max_payload = read_number(L, "maxPayload", 1 << 20);
  link->max_fragments = 16384;
  link->max_message_rate = CONFIG_NONE;
  link->ping_interval = read_number(L, "pingInterval", CONFIG_NONE);
  link->pong_timeout = read_number(L, "pongTimeout", CONFIG_NONE);
  link->close_timeout = read_number(L, "closeTimeout", 10000);
  link->max_backpressure = read_number(L, "maxBackpressure", 1 << 20);
  if (!read_flag(L, "compression")) return;
  link->compression = (struct compression){.on = true,
                                           .context_takeover = read_flag(L, "contextTakeover"),
                                           .level = 6,
                                           .window_bits = (uint8_t)read_number(L, "windowBits", 15),
                                           .mem_level = 8,
                                           .threshold = read_number(L, "threshold", 16)};
}

// dialer:dial{ host =, port =, target =, isSecure =, protocols = {}, headers = { name, value, ...
// },
//   connectTimeout = ms, ca =, insecure =, and link_config's } -> the client's id
static int dial(lua_State *L) {
  struct dialer *d = check_dialer(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  struct client_config *c = client_config_new();
  c->id = ids_draw(&d->ids);
  c->owner = mailbox_ref(d->events);
  c->host = read_string(L, "host", "127.0.0.1");
  c->port = (uint16_t)read_number(L, "port", 80);
  c->target = read_string(L, "target", "/");
  c->is_secure = read_flag(L, "isSecure");
  c->protocols = read_list(L, "protocols");
  c->headers = read_list(L, "headers");
  c->connect_timeout = read_number(L, "connectTimeout", 10000);
  c->tls.ca = read_string(L, "ca", NULL);
  c->tls.verify = read_flag(L, "insecure") ? TLS_VERIFY_NONE : TLS_VERIFY_REQUIRED;
  read_link(L, &c->link);
  struct record *r = batch_push(&d->commands, COMMAND_DIAL, c->id, sizeof(struct command_dial));
  ((struct command_dial *)r->payload)->config = c;
  lua_pushinteger(L, (lua_Integer)c->id);
  batch_flush(&d->commands); // the configuration is the reactor's from here on
  return 1;
}

// Commands ----------------------------------------------------------------------------------------

static uint64_t handle_of(lua_State *L) {
  return (uint64_t)luaL_checkinteger(L, 2);
}

// dialer:send(handle, text [, isBinary])
static int send_message(lua_State *L) {
  struct dialer *d = check_dialer(L);
  size_t n;
  const char *text = luaL_checklstring(L, 3, &n);
  enum ws_opcode opcode = lua_toboolean(L, 4) ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
  size_t length = ws_frame_header_size(n, false) + n;
  struct record *r = batch_push(&d->commands, COMMAND_SEND, handle_of(L), length);
  size_t head = ws_frame_write(r->payload, opcode, true, false, n, NULL);
  memcpy(r->payload + head, text, n);
  batch_flush(&d->commands);
  lua_pushinteger(L, (lua_Integer)length);
  return 1;
}

// dialer:sendMany(handles, text): one frame for all of them
static int send_many(lua_State *L) {
  struct dialer *d = check_dialer(L);
  size_t n;
  const char *text = luaL_checklstring(L, 3, &n);
  uint32_t count = (uint32_t)lua_rawlen(L, 2);
  size_t length = ws_frame_header_size(n, false) + n, padded = (length + 7) & ~(size_t)7;
  struct command_fanout command = {.frame_length = (uint32_t)length, .count = count};
  struct record *r = batch_push(&d->commands, COMMAND_FANOUT, 0,
                                sizeof command + padded + count * sizeof(uint64_t));
  memcpy(r->payload, &command, sizeof command);
  unsigned char *frame = r->payload + sizeof command;
  size_t head = ws_frame_write(frame, WS_OPCODE_TEXT, true, false, n, NULL);
  memcpy(frame + head, text, n);
  for (uint32_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, i + 1);
    ((uint64_t *)(frame + padded))[i] = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  batch_flush(&d->commands);
  return 0;
}

// dialer:close(handle, code [, reason])
static int close_one(lua_State *L) {
  struct dialer *d = check_dialer(L);
  size_t n;
  const char *reason = luaL_optlstring(L, 4, "", &n);
  struct command_close command = {.code = (uint16_t)luaL_checkinteger(L, 3),
                                  .reason_length = (uint8_t)n};
  memcpy(command.reason, reason, n);
  struct record *r = batch_push(&d->commands, COMMAND_CLOSE, handle_of(L), sizeof command);
  memcpy(r->payload, &command, sizeof command);
  batch_flush(&d->commands);
  return 0;
}

static int push_bare(lua_State *L, enum command_type type, uint64_t id, uint32_t credit) {
  struct dialer *d = check_dialer(L);
  batch_push(&d->commands, (uint16_t)type, id, 0)->credit = credit;
  batch_flush(&d->commands);
  return 0;
}

static int destroy(lua_State *L) {
  return push_bare(L, COMMAND_DESTROY, handle_of(L), 0);
}

static int finish(lua_State *L) {
  return push_bare(L, COMMAND_FINISH, handle_of(L), 0);
}

// dialer:credit(handle, bytes): so much of what has come has been worked off
static int credit(lua_State *L) {
  return push_bare(L, COMMAND_CREDIT, handle_of(L), EVENT_COST(luaL_checkinteger(L, 3)));
}

static int stop(lua_State *L) {
  return push_bare(L, COMMAND_STOP, 0, 0);
}

// dialer:ping(handle, data)
static int ping(lua_State *L) {
  struct dialer *d = check_dialer(L);
  size_t n;
  const char *data = luaL_optlstring(L, 3, "", &n);
  memcpy(batch_push(&d->commands, COMMAND_PING, handle_of(L), n)->payload, data, n);
  batch_flush(&d->commands);
  return 0;
}

// Events ------------------------------------------------------------------------------------------

static void set_integer(lua_State *L, const char *name, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const void *text, size_t n) {
  lua_pushlstring(L, text, n);
  lua_setfield(L, -2, name);
}

static void push_dialed(lua_State *L, const struct record *r) {
  const struct event_dialed *dialed = (const struct event_dialed *)r->payload;
  set_text(L, "type", "dialed", 6);
  set_integer(L, "client", dialed->client);
  lua_pushlightuserdata(L, (void *)dialed->taken);
  lua_setfield(L, -2, "taken");
  set_integer(L, "before", dialed->taken_before);
}

static void push_error(lua_State *L, const struct record *r) {
  const struct err *err = (const struct err *)r->payload;
  set_text(L, "type", "error", 5);
  set_text(L, "message", err->text, strlen(err->text));
  set_text(L, "component", err->component, strlen(err->component));
  set_integer(L, "code", (uint64_t)(int64_t)err->code);
}

static void push_closed(lua_State *L, const struct record *r) {
  const struct event_closed *closed = (const struct event_closed *)r->payload;
  set_text(L, "type", "closed", 6);
  set_integer(L, "code", closed->code);
  set_text(L, "reason", closed->reason, closed->reason_length);
  lua_pushboolean(L, closed->was_clean);
  lua_setfield(L, -2, "wasClean");
}

static void push_event(lua_State *L, const struct record *r) {
  lua_createtable(L, 0, 6);
  set_integer(L, "handle", r->id);
  switch ((enum event_type)r->type) {
  case EVENT_DIALED: push_dialed(L, r); return;
  case EVENT_OPENED:
    set_text(L, "type", "opened", 6);
    set_text(L, "protocol", r->payload, r->length);
    return;
  case EVENT_MESSAGE:
    set_text(L, "type", "message", 7);
    set_text(L, "data", r->payload, r->length);
    lua_pushboolean(L, r->flags & EVENT_BINARY);
    lua_setfield(L, -2, "isBinary");
    return;
  case EVENT_DRAIN: set_text(L, "type", "drain", 5); return;
  case EVENT_CLOSING: set_text(L, "type", "closing", 7); return;
  case EVENT_ERROR: push_error(L, r); return;
  case EVENT_CLOSED: push_closed(L, r); return;
  default: set_integer(L, "type", r->type);
  }
}

// dialer:take() -> events; afterwards fd() becomes readable when there are more
static int take(lua_State *L) {
  struct dialer *d = check_dialer(L);
  struct block *blocks = NULL;
  lua_Integer count = 0;
  lua_newtable(L);
  do {
    blocks = mailbox_take(d->events, blocks);
    for (struct block *b = blocks; b; b = b->next) {
      for (struct record *r = record_first(b); r; r = record_next(b, r)) {
        push_event(L, r);
        lua_rawseti(L, -2, ++count);
      }
    }
  } while (blocks || !mailbox_sleep(d->events, false));
  return 1;
}

static int get_fd(lua_State *L) {
  lua_pushinteger(L, mailbox_fd(check_dialer(L)->events));
  return 1;
}

// dialer:taken(pointer): how much the kernel has taken, of all that has ever had that slot
static int taken(lua_State *L) {
  const _Atomic uint64_t *counter = lua_touserdata(L, 2);
  lua_pushinteger(L, (lua_Integer)atomic_load(counter));
  return 1;
}

// dialer:stats() -> open, opened, failed, closed with 1000
static int get_stats(lua_State *L) {
  const struct stats *s = reactor_stats(check_dialer(L)->reactor);
  lua_pushinteger(L, (lua_Integer)atomic_load(&s->clients));
  lua_pushinteger(L, (lua_Integer)atomic_load(&s->clients_opened));
  lua_pushinteger(L, (lua_Integer)atomic_load(&s->clients_failed));
  lua_pushinteger(L, (lua_Integer)atomic_load(&s->clients_closed.codes[0]));
  return 4;
}

int probe_open_dialer(lua_State *L) {
  static const luaL_Reg methods[] = {{"dial", dial},          {"send", send_message},
                                     {"sendMany", send_many}, {"close", close_one},
                                     {"destroy", destroy},    {"finish", finish},
                                     {"credit", credit},      {"stop", stop},
                                     {"ping", ping},          {"take", take},
                                     {"fd", get_fd},          {"taken", taken},
                                     {"stats", get_stats},    {"finishAll", end_dialer},
                                     {"__gc", end_dialer},    {NULL, NULL}};
  probe_add_class(L, DIALER, methods);
  lua_pushcfunction(L, new_dialer);
  return 1;
}
