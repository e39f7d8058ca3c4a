// The Lua module luaws.wired, of which luaws.testing makes testing.connection: web servers without
// a network, the peers of their connections, their clock. Runs in the Lua thread.

#include <lauxlib.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/lib.h"
#include "script/peer.h"
#include "script/task.h"
#include "script/vm.h"
#include "script/wait.h"
#include "script/webserver.h"
#include "script/wired.h"

static struct span check_bytes(lua_State *L, int index) {
  struct span s;
  s.p = luaL_checklstring(L, index, &s.n);
  return s;
}

static struct span read_reason(lua_State *L, int index) {
  struct span s = {NULL, 0};
  if (!lua_isnoneornil(L, index)) s.p = luaL_checklstring(L, index, &s.n);
  return s;
}

// The peer --------------------------------------------------------------------------------------

static int push_sent(lua_State *L, bool ok) {
  if (!ok) {
    lua_pushnil(L);
    lua_pushliteral(L, "closed");
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

// peer:send(bytes, isBinary)
static int send_message(lua_State *L) {
  struct peer *p = object_self(L, &PEER_CLASS, "send");
  enum ws_opcode opcode = lua_toboolean(L, 3) ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
  return push_sent(L, peer_send(p, opcode, check_bytes(L, 2)));
}

// peer:sendFrame(first byte, payload, isMasked)
static int send_frame(lua_State *L) {
  struct peer *p = object_self(L, &PEER_CLASS, "sendFrame");
  peer_send_frame(p, (uint8_t)luaL_checkinteger(L, 2), lua_toboolean(L, 4), check_bytes(L, 3));
  return 0;
}

// peer:sendBytes(bytes)
static int send_bytes(lua_State *L) {
  struct peer *p = object_self(L, &PEER_CLASS, "sendBytes");
  struct span bytes = check_bytes(L, 2);
  duplex_send(p->duplex, bytes.p, bytes.n);
  return 0;
}

// peer:close(code, reason)
static int close_peer(lua_State *L) {
  struct peer *p = object_self(L, &PEER_CLASS, "close");
  unsigned code = (unsigned)luaL_optinteger(L, 2, WS_CLOSE_NO_STATUS);
  return push_sent(L, peer_close(p, code, read_reason(L, 3)));
}

// peer:choke(isChoked)
static int choke(lua_State *L) {
  struct peer *p = object_self(L, &PEER_CLASS, "choke");
  p->duplex->is_choked = lua_toboolean(L, 2);
  duplex_tell(p->duplex);
  return 0;
}

// peer:silence(isSilent)
static int silence(lua_State *L) {
  struct peer *p = object_self(L, &PEER_CLASS, "silence");
  p->is_silent = lua_toboolean(L, 2);
  return 0;
}

// peer:lose()
static int lose(lua_State *L) {
  peer_lose(L, object_self(L, &PEER_CLASS, "lose"), 1);
  return 0;
}

static void push_connection(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, PEER_CONNECTION);
}

static void push_messages(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, PEER_SENT);
}

static void push_kinds(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, PEER_KINDS);
}

static void push_frames(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, PEER_FRAMES);
}

static void push_answer(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, PEER_ANSWER);
}

static void push_end(lua_State *L, void *self) {
  (void)self;
  lua_getiuservalue(L, 1, PEER_END);
}

static void push_is_opening(lua_State *L, void *self) {
  lua_pushboolean(L, ((const struct peer *)self)->state == PEER_OPENING);
}

static void describe(lua_State *L, void *self) {
  static const char *const STATES[] = {"opening", "open", "closed"};
  lua_pushfstring(L, "Peer: %s", STATES[((const struct peer *)self)->state]);
}

static void collect(struct runtime *rt, void *self) {
  (void)rt;
  peer_deinit(self);
}

static const luaL_Reg METHODS[] = {{"send", send_message},
                                   {"sendFrame", send_frame},
                                   {"sendBytes", send_bytes},
                                   {"close", close_peer},
                                   {"choke", choke},
                                   {"silence", silence},
                                   {"lose", lose},
                                   {NULL, NULL}};

static const struct object_property PROPERTIES[] = {
    {"connection", push_connection}, {"sent", push_messages},
    {"isBinary", push_kinds},        {"frames", push_frames},
    {"answer", push_answer},         {"ending", push_end},
    {"isOpening", push_is_opening},  {NULL, NULL}};

const struct object_class PEER_CLASS = {.name = "Peer",
                                        .methods = METHODS,
                                        .properties = PROPERTIES,
                                        .describe = describe,
                                        .gc = collect};

// The module --------------------------------------------------------------------------------------

static struct wired *need_wired(lua_State *L) {
  struct err err;
  struct wired *w = wired_open(runtime_of(L), &err);
  if (!w) args_error(L, "connections without a network: %s", err.text);
  return w;
}

// webServer() -> a WebServer that listens nowhere
static int new_web_server(lua_State *L) {
  need_wired(L);
  webserver_new(L)->is_wired = true;
  return 1;
}

static void read_flag(lua_State *L, int index, const char *name, bool *flag) {
  lua_getfield(L, index, name);
  *flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
}

// connect(web, head, { address =, port =, isSecure =, compresses =, decodes = }) -> peer | nil
static int connect_peer(lua_State *L) {
  const struct webserver *web = object_self(L, &WEBSERVER_CLASS, "connect");
  struct span head = check_bytes(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  struct duplex_client client = {0};
  lua_getfield(L, 3, "address");
  client.address = luaL_checkstring(L, -1);
  lua_getfield(L, 3, "port");
  client.port = (uint16_t)luaL_checkinteger(L, -1);
  read_flag(L, 3, "isSecure", &client.is_secure);
  need_wired(L);
  struct peer *p = peer_new(L, web->id, &client, head);
  if (!p) return 0;
  read_flag(L, 3, "compresses", &p->compresses);
  read_flag(L, 3, "decodes", &p->decodes);
  return 1;
}

static int go_on(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct task *t = (struct task *)context;
  bool is_rest = task_was_served(t);
  wait_check_cancelled(L, t);
  if (!is_rest)
    return args_error(L, "the handlers don't come to rest: does one of them poll with "
                         "luaws.sleep(0), or do two of them answer each other for ever?");
  return 0;
}

// rest(): waits until all is
static int rest(lua_State *L) {
  struct wired *w = need_wired(L);
  struct task *t = wait_check(L, "a fake connection");
  wired_await_rest(w, t, 0);
  return lua_yieldk(L, 0, (lua_KContext)t, go_on);
}

// advance(seconds): moves the clock, waits until all is at rest
static int advance(lua_State *L) {
  uint64_t ms = wait_check_seconds(L, 1, "advance");
  struct wired *w = need_wired(L);
  struct task *t = wait_check(L, "advance");
  wired_await_rest(w, t, ms);
  return lua_yieldk(L, 0, (lua_KContext)t, go_on);
}

// step(seconds): the same, to what is due next, if that is within so many
static int step(lua_State *L) {
  uint64_t ms = wait_check_seconds(L, 1, "step");
  struct wired *w = need_wired(L);
  struct task *t = wait_check(L, "step");
  wired_await_next(w, t, ms);
  return lua_yieldk(L, 0, (lua_KContext)t, go_on);
}

// now() -> seconds
static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)wired_now(need_wired(L)) / 1000);
  return 1;
}

static int open_module(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"webServer", new_web_server},
                                       {"connect", connect_peer},
                                       {"rest", rest},
                                       {"advance", advance},
                                       {"step", step},
                                       {"now", now},
                                       {NULL, NULL}};
  object_open(L, &PEER_CLASS);
  luaL_newlib(L, FUNCTIONS);
  char offer[HTTP_DEFLATE_OFFER_MAX];
  peer_write_offer(offer);
  lua_pushstring(L, offer);
  lua_setfield(L, -2, "offer");
  lua_pushinteger(L, SCOPE_WIRED); // of what such connections have started (task.h)
  lua_setfield(L, -2, "scope");
  return 1;
}

void lib_wired_preload(lua_State *L) {
  vm_preload(L, "luaws.wired", open_module);
}
