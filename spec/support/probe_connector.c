// The resolver and the connector for specs, on the loop that the specs run in.

#include <lauxlib.h>
#include <lua.h>
#include <luv/luv.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "probe.h"

#define CONNECTOR "probe.connector"
#define RESOLVER  "probe.resolver"

enum { ADDRESSES_MAX = 16 };

// Of either kind; userdata. The registry keeps its callback until that has been called.
struct pending {
  lua_State *L;
  int callback; // reference; LUA_NOREF: it has been called, or never will be
  struct connector *connector;
  struct resolver *resolver;
};

// The main thread's state: the coroutine that asked may be gone by then.
static lua_State *main_of(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
}

// The callback is argument `index`.
static struct pending *new_pending(lua_State *L, const char *class, int index) {
  luaL_checktype(L, index, LUA_TFUNCTION);
  lua_pushvalue(L, index);
  int callback = luaL_ref(L, LUA_REGISTRYINDEX);
  struct pending *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (struct pending){.L = main_of(L), .callback = callback};
  luaL_setmetatable(L, class);
  return p;
}

static void push_callback(struct pending *p) {
  lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->callback);
  luaL_unref(p->L, LUA_REGISTRYINDEX, p->callback);
  p->callback = LUA_NOREF;
}

static void drop_callback(struct pending *p) {
  luaL_unref(p->L, LUA_REGISTRYINDEX, p->callback);
  p->callback = LUA_NOREF;
}

static void push_address(lua_State *L, const struct address *a) {
  char text[ADDRESS_TEXT_MAX];
  uint16_t port;
  address_text(a, text, &port);
  lua_pushfstring(L, "%s %d", text, (int)port);
}

// parse(host, port) -> "address port", or nil for a name
static int parse(lua_State *L) {
  struct address a;
  if (!address_parse(luaL_checkstring(L, 1), (uint16_t)luaL_checkinteger(L, 2), &a)) return 0;
  push_address(L, &a);
  return 1;
}

// Resolver ----------------------------------------------------------------------------------------

static void on_found(void *owner, const struct address *list, int count, const struct err *err) {
  struct pending *p = owner;
  lua_State *L = p->L;
  p->resolver = NULL;
  push_callback(p);
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    push_address(L, &list[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushstring(L, count == 0 ? err->text : NULL);
  lua_pushinteger(L, count == 0 ? err->code : 0);
  lua_call(L, 3, 0);
}

// resolve(host, port, done) -> request; done(addresses, message, code). nil, message: at once
static int resolve(lua_State *L) {
  struct err err;
  const char *host = luaL_checkstring(L, 1);
  uint16_t port = (uint16_t)luaL_checkinteger(L, 2);
  struct pending *p = new_pending(L, RESOLVER, 3);
  p->resolver = resolver_start(luv_loop(L), host, port, on_found, p, &err);
  if (p->resolver) return 1;
  drop_callback(p);
  lua_pushnil(L);
  lua_pushstring(L, err.text);
  return 2;
}

static int cancel(lua_State *L) {
  struct pending *p = luaL_checkudata(L, 1, RESOLVER);
  if (p->resolver) resolver_cancel(p->resolver);
  p->resolver = NULL;
  drop_callback(p);
  return 0;
}

// Connector ---------------------------------------------------------------------------------------

static void on_connected(void *owner, int fd) {
  struct pending *p = owner;
  push_callback(p);
  lua_pushinteger(p->L, fd);
  lua_call(p->L, 1, 0);
}

// connect({ { host, port }, ... }, done) -> connector; done(fd): negative if it has failed
static int connect_to(lua_State *L) {
  struct address list[ADDRESSES_MAX];
  int count = (int)lua_rawlen(L, 1);
  luaL_argcheck(L, count > 0 && count <= ADDRESSES_MAX, 1, "1 to 16 addresses");
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, 1, i + 1);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    bool is_one = address_parse(lua_tostring(L, -2), (uint16_t)lua_tointeger(L, -1), &list[i]);
    luaL_argcheck(L, is_one, 1, "numeric addresses");
    lua_pop(L, 3);
  }
  struct pending *p = new_pending(L, CONNECTOR, 2);
  p->connector = connector_new(luv_loop(L), list, count, on_connected, p);
  return 1;
}

// connector:explain(to) -> message, code
static int explain(lua_State *L) {
  struct pending *p = luaL_checkudata(L, 1, CONNECTOR);
  struct err err;
  connector_explain(p->connector, luaL_checkstring(L, 2), &err);
  lua_pushstring(L, err.text);
  lua_pushinteger(L, err.code);
  return 2;
}

static int free_connector(lua_State *L) {
  struct pending *p = luaL_checkudata(L, 1, CONNECTOR);
  if (p->connector) connector_free(p->connector);
  p->connector = NULL;
  drop_callback(p);
  return 0;
}

// A socket that connects to `a`, or tries to for ever.
static int begin(const struct sockaddr_in *a, int flags) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  connect(fd, (const struct sockaddr *)a, sizeof *a);
  return fd;
}

// blackHole() -> port, descriptors: a port of 127.0.0.1 that never answers, since its backlog of
// one is full and nobody accepts
static int open_black_hole(lua_State *L) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof a;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&a, size) != 0 || listen(listener, 0) != 0 ||
      getsockname(listener, (struct sockaddr *)&a, &size) != 0)
    return luaL_error(L, "no black hole");
  lua_pushinteger(L, ntohs(a.sin_port));
  lua_pushinteger(L, listener);
  lua_pushinteger(L, begin(&a, 0));
  lua_pushinteger(L, begin(&a, SOCK_NONBLOCK));
  return 4;
}

static int close_fd(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

int probe_open_connector(lua_State *L) {
  static const luaL_Reg resolver[] = {{"cancel", cancel}, {"__gc", cancel}, {NULL, NULL}};
  static const luaL_Reg connector[] = {
      {"explain", explain}, {"free", free_connector}, {"__gc", free_connector}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"parse", parse},
                                       {"resolve", resolve},
                                       {"connect", connect_to},
                                       {"blackHole", open_black_hole},
                                       {"closeDescriptor", close_fd},
                                       {NULL, NULL}};
  probe_add_class(L, RESOLVER, resolver);
  probe_add_class(L, CONNECTOR, connector);
  luaL_newlib(L, functions);
  return 1;
}
