// src/net/tls for specs: one end of TLS over a transport in memory, whose bytes the spec carries to
// and fro; the other end is a second one, or OpenSSL itself (probe_tls.c).

#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/tls.h"
#include "probe.h"

#define CONTEXT "probe.tls_transport.context"
#define END     "probe.tls_transport.end"

enum { NAMES_MAX = 8, PIECES_MAX = 16, EVENTS_MAX = 256 };

// A socket that is two buffers: reports edges as net/tcp does.
struct memory {
  struct transport transport;
  struct buf in;
  struct buf out;
  size_t room;  // bytes that it still takes
  int toils;    // pieces of work that may still be done
  int error;    // what recv and send return
  bool has_end; // behind what is in `in`
  bool reads, writes;
  bool is_due; // readable, to be reported in the next turn
  bool is_finished;
  const char *closed; // NULL: open
};

struct end {
  struct memory *memory; // NULL: this end is over another one
  struct tls *tls;       // NULL: gone
  int count;
  char events[EVENTS_MAX]; // r, w, b (both), c (closed)
};

// The transport below ---------------------------------------------------------------------------

static struct memory *memory_of(struct transport *t) {
  return LIST_ENTRY(t, struct memory, transport);
}

static ssize_t memory_recv(struct transport *t, void *to, size_t size) {
  struct memory *m = memory_of(t);
  if (m->in.len == 0) return m->error ? m->error : m->has_end ? 0 : TRANSPORT_AGAIN;
  size_t n = m->in.len < size ? m->in.len : size;
  memcpy(to, m->in.data, n);
  buf_consume(&m->in, n);
  if (n == size || m->has_end || m->error) m->is_due = true;
  return (ssize_t)n;
}

static ssize_t memory_send(struct transport *t, const struct iovec *iov, int count, bool more) {
  struct memory *m = memory_of(t);
  size_t total = 0;
  (void)more;
  if (m->error) return m->error;
  for (int i = 0; i < count && m->room > 0; i++) {
    size_t n = iov[i].iov_len < m->room ? iov[i].iov_len : m->room;
    buf_append(&m->out, iov[i].iov_base, n);
    m->room -= n;
    total += n;
  }
  return total > 0 ? (ssize_t)total : TRANSPORT_AGAIN;
}

static void memory_finish(struct transport *t) {
  memory_of(t)->is_finished = true;
}

static void memory_watch(struct transport *t, bool readable, bool writable) {
  struct memory *m = memory_of(t);
  if (readable && !m->reads && (m->in.len > 0 || m->has_end || m->error)) m->is_due = true;
  m->reads = readable;
  m->writes = writable;
}

static void memory_report(struct transport *t) {
  memory_of(t)->is_due = true;
}

static bool memory_may_toil(struct transport *t) {
  return memory_of(t)->toils-- > 0;
}

static void memory_close(struct transport *t, bool reset) {
  memory_of(t)->closed = reset ? "reset" : "close";
}

static const struct transport_ops MEMORY_OPS = {
    .recv = memory_recv,
    .send = memory_send,
    .finish = memory_finish,
    .watch = memory_watch,
    .report = memory_report,
    .may_toil = memory_may_toil,
    .close = memory_close,
};

static struct memory *new_memory(void) {
  struct memory *m = mem_zalloc(sizeof *m);
  m->transport.ops = &MEMORY_OPS;
  m->room = SIZE_MAX;
  m->toils = 1000000;
  m->reads = true;
  buf_init(&m->in, SIZE_MAX);
  buf_init(&m->out, SIZE_MAX);
  return m;
}

// Contexts --------------------------------------------------------------------------------------

static char *string_field(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  size_t n;
  const char *s = lua_tolstring(L, -1, &n);
  char *copy = s ? mem_dup(s, n) : NULL;
  lua_pop(L, 1);
  return copy;
}

static uint8_t verify_field(lua_State *L, bool is_server) {
  lua_getfield(L, -1, "verify");
  const char *s = lua_tostring(L, -1);
  uint8_t verify = is_server ? TLS_VERIFY_NONE : TLS_VERIFY_REQUIRED;
  if (s && strcmp(s, "none") == 0) verify = TLS_VERIFY_NONE;
  if (s && strcmp(s, "optional") == 0) verify = TLS_VERIFY_OPTIONAL;
  if (s && strcmp(s, "required") == 0) verify = TLS_VERIFY_REQUIRED;
  lua_pop(L, 1);
  return verify;
}

static void read_settings(lua_State *L, struct tls_settings *s, bool is_server) {
  lua_getfield(L, -1, "minVersion");
  const char *version = lua_tostring(L, -1);
  uint8_t min = version && strcmp(version, "1.3") == 0 ? 13 : 0;
  lua_pop(L, 1);
  *s = (struct tls_settings){.name = string_field(L, "name"),
                             .cert = string_field(L, "cert"),
                             .key = string_field(L, "key"),
                             .ca = string_field(L, "ca"),
                             .ciphers = string_field(L, "ciphers"),
                             .min_version = min,
                             .verify = verify_field(L, is_server)};
}

static int push_context(lua_State *L, struct tls_context *context, const struct err *err) {
  if (!context) {
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushinteger(L, err->code);
    return 3;
  }
  *(struct tls_context **)lua_newuserdatauv(L, sizeof context, 0) = context;
  luaL_setmetatable(L, CONTEXT);
  return 1;
}

// server{ settings... } -> context, or nil, text, code
static int new_server(lua_State *L) {
  struct tls_settings list[NAMES_MAX];
  struct err err;
  size_t count = (size_t)lua_rawlen(L, 1);
  luaL_argcheck(L, count >= 1 && count <= NAMES_MAX, 1, "1 to 8 settings");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    read_settings(L, &list[i], true);
    lua_pop(L, 1);
  }
  struct tls_context *context = tls_context_new_server(list, count, &err);
  for (size_t i = 0; i < count; i++)
    tls_settings_deinit(&list[i]);
  return push_context(L, context, &err);
}

// client(settings) -> context, or nil, text, code
static int new_client(lua_State *L) {
  struct tls_settings settings;
  struct err err;
  lua_settop(L, 1);
  read_settings(L, &settings, false);
  struct tls_context *context = tls_context_new_client(&settings, &err);
  tls_settings_deinit(&settings);
  return push_context(L, context, &err);
}

// selfSigned(host) -> cert, key, fingerprint
static int self_signed(lua_State *L) {
  struct tls_settings s = {0};
  struct err err;
  char fingerprint[TLS_FINGERPRINT_MAX];
  if (tls_context_self_signed(luaL_optstring(L, 1, NULL), &s, fingerprint, &err) != 0)
    return luaL_error(L, "%s", err.text);
  lua_pushstring(L, s.cert);
  lua_pushstring(L, s.key);
  lua_pushstring(L, fingerprint);
  tls_settings_deinit(&s);
  return 3;
}

static struct tls_context *check_context(lua_State *L, int index) {
  return *(struct tls_context **)luaL_checkudata(L, index, CONTEXT);
}

static int context_gc(lua_State *L) {
  counted_unref(tls_context_counted(check_context(L, 1)));
  return 0;
}

// Ends ------------------------------------------------------------------------------------------

static void note(struct end *e, char what) {
  if (e->count < EVENTS_MAX) e->events[e->count++] = what;
}

static void on_ready(struct transport *t, bool readable, bool writable) {
  note(tls_owner(t), readable && writable ? 'b' : readable ? 'r' : 'w');
}

static void on_closed(struct transport *t) {
  struct end *e = tls_owner(t);
  note(e, 'c');
  e->tls = NULL;
}

static const struct transport_user USER = {.on_ready = on_ready, .on_closed = on_closed};

static struct end *check_end(lua_State *L) {
  return luaL_checkudata(L, 1, END);
}

static struct transport *check_transport(lua_State *L) {
  struct end *e = check_end(L);
  luaL_argcheck(L, e->tls, 1, "it is closed");
  return tls_transport(e->tls);
}

// context:open([name [, below]]): with a name in the client's role; over another end
static int open_end(lua_State *L) {
  struct tls_context *context = check_context(L, 1);
  const char *name = luaL_optstring(L, 2, NULL);
  struct end *below = lua_isnoneornil(L, 3) ? NULL : luaL_checkudata(L, 3, END);
  struct end *e = lua_newuserdatauv(L, sizeof *e, 1);
  *e = (struct end){0};
  luaL_setmetatable(L, END);
  if (!below) e->memory = new_memory();
  lua_pushvalue(L, 3);
  lua_setiuservalue(L, -2, 1); // the one below must live as long
  struct transport *under = below ? tls_transport(below->tls) : &e->memory->transport;
  e->tls = tls_new(context, under, &USER, e, name);
  return 1;
}

static void free_memory(struct end *e) {
  if (!e->memory) return;
  buf_deinit(&e->memory->in);
  buf_deinit(&e->memory->out);
  mem_free(e->memory);
  e->memory = NULL;
}

// What is over another end goes with that one.
static int end_gc(lua_State *L) {
  struct end *e = check_end(L);
  if (e->memory && e->tls) {
    struct transport *t = tls_transport(e->tls);
    struct transport *under = &e->memory->transport;
    if (!e->memory->closed) t->ops->close(t, true);
    under->user->on_closed(under);
  }
  free_memory(e);
  return 0;
}

static struct memory *check_memory(lua_State *L) {
  struct end *e = check_end(L);
  luaL_argcheck(L, e->memory, 1, "it has no memory");
  return e->memory;
}

static void tell_ready(struct memory *m, bool readable) {
  bool r = readable && m->reads, w = m->writes && m->room > 0;
  if (m->closed || (!r && !w)) return;
  m->transport.user->on_ready(&m->transport, r, w);
}

// end:feed(bytes): has arrived; nil: the end
static int feed(lua_State *L) {
  struct memory *m = check_memory(L);
  size_t n = 0;
  const char *bytes = lua_isnil(L, 2) ? NULL : luaL_checklstring(L, 2, &n);
  if (bytes && n == 0) return 0;
  if (!bytes) m->has_end = true;
  buf_append(&m->in, bytes, n);
  tell_ready(m, true);
  return 0;
}

// end:breakDown(): the socket has an error
static int break_down(lua_State *L) {
  struct memory *m = check_memory(L);
  m->error = -ECONNRESET;
  tell_ready(m, true);
  return 0;
}

// end:turn() -> whether something was due
static int turn(lua_State *L) {
  struct memory *m = check_memory(L);
  bool was_due = m->is_due;
  m->is_due = false;
  tell_ready(m, was_due);
  lua_pushboolean(L, was_due);
  return 1;
}

// end:take([max]) -> what has gone out
static int take(lua_State *L) {
  struct memory *m = check_memory(L);
  size_t max = (size_t)luaL_optinteger(L, 2, LUA_MAXINTEGER);
  size_t n = m->out.len < max ? m->out.len : max;
  lua_pushlstring(L, m->out.data ? m->out.data : "", n);
  if (n > 0) buf_consume(&m->out, n);
  return 1;
}

// end:room(n): how many bytes may still go out
static int set_room(lua_State *L) {
  struct memory *m = check_memory(L);
  m->room = (size_t)luaL_checkinteger(L, 2);
  tell_ready(m, false);
  return 0;
}

// end:toils(n): how many pieces of work may still be done
static int set_toils(lua_State *L) {
  check_memory(L)->toils = (int)luaL_checkinteger(L, 2);
  return 0;
}

// end:below() -> { finished =, closed =, reads =, writes =, unread = bytes }
static int below(lua_State *L) {
  struct memory *m = check_memory(L);
  lua_newtable(L);
  lua_pushboolean(L, m->is_finished);
  lua_setfield(L, -2, "finished");
  lua_pushstring(L, m->closed);
  lua_setfield(L, -2, "closed");
  lua_pushboolean(L, m->reads);
  lua_setfield(L, -2, "reads");
  lua_pushboolean(L, m->writes);
  lua_setfield(L, -2, "writes");
  lua_pushinteger(L, (lua_Integer)m->in.len);
  lua_setfield(L, -2, "unread");
  return 1;
}

static int push_result(lua_State *L, ssize_t result) {
  switch (result) {
  case 0: lua_pushliteral(L, "end"); break;
  case TRANSPORT_AGAIN: lua_pushliteral(L, "again"); break;
  case TRANSPORT_FAILED: lua_pushliteral(L, "failed"); break;
  case TRANSPORT_PLAIN_HTTP: lua_pushliteral(L, "plain"); break;
  default: lua_pushstring(L, strerror((int)-result)); break;
  }
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

// end:recv(size) -> bytes; or nil, why
static int receive(lua_State *L) {
  struct transport *t = check_transport(L);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  char *room = malloc(size);
  ssize_t n = t->ops->recv(t, room, size);
  if (n > 0) lua_pushlstring(L, room, (size_t)n);
  free(room);
  return n > 0 ? 1 : push_result(L, n);
}

// end:send(piece...) -> how many bytes; or nil, why
static int send_pieces(lua_State *L) {
  struct transport *t = check_transport(L);
  struct iovec iov[PIECES_MAX];
  int count = lua_gettop(L) - 1;
  luaL_argcheck(L, count >= 1 && count <= PIECES_MAX, 2, "1 to 16 pieces");
  for (int i = 0; i < count; i++) {
    size_t n;
    iov[i].iov_base = (void *)luaL_checklstring(L, i + 2, &n);
    iov[i].iov_len = n;
  }
  ssize_t n = t->ops->send(t, iov, count, false);
  if (n <= 0) return push_result(L, n);
  lua_pushinteger(L, n);
  return 1;
}

// end:watch(readable, writable)
static int watch(lua_State *L) {
  struct transport *t = check_transport(L);
  t->ops->watch(t, lua_toboolean(L, 2), lua_toboolean(L, 3));
  return 0;
}

static int finish(lua_State *L) {
  struct transport *t = check_transport(L);
  t->ops->finish(t);
  return 0;
}

// end:close(reset): and what the loop would say then
static int close_end(lua_State *L) {
  struct transport *t = check_transport(L);
  struct memory *m = check_memory(L);
  t->ops->close(t, lua_toboolean(L, 2));
  m->transport.user->on_closed(&m->transport);
  return 0;
}

// end:remove(): the transport below is nobody's again -> what has arrived there
static int remove_tls(lua_State *L) {
  struct end *e = check_end(L);
  struct memory *m = check_memory(L);
  tls_remove(e->tls);
  e->tls = NULL;
  lua_pushlstring(L, m->in.data ? m->in.data : "", m->in.len);
  return 1;
}

// end:events() -> what has been reported: "r", "w", "b" (both), "c" (closed), in a row
static int events(lua_State *L) {
  struct end *e = check_end(L);
  lua_pushlstring(L, e->events, (size_t)e->count);
  e->count = 0;
  return 1;
}

static int is_open(lua_State *L) {
  struct end *e = check_end(L);
  lua_pushboolean(L, e->tls && tls_is_open(e->tls));
  return 1;
}

// end:failure() -> text, component
static int failure(lua_State *L) {
  struct err err;
  tls_failure(check_end(L)->tls, &err);
  lua_pushstring(L, err.text);
  lua_pushstring(L, err.component);
  return 2;
}

// end:certificate() -> what the peer has shown, or nil
static int certificate(lua_State *L) {
  struct tls_certificate c;
  if (!tls_peer_certificate(check_end(L)->tls, &c)) return 0;
  const struct {
    const char *name, *value;
  } fields[] = {{"subject", c.subject},      {"issuer", c.issuer},
                {"serial", c.serial},        {"fingerprint", c.fingerprint},
                {"validFrom", c.valid_from}, {"validTo", c.valid_to},
                {"altNames", c.alt_names},   {"pem", c.pem}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushstring(L, fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  tls_certificate_deinit(&c);
  return 1;
}

int probe_open_tls_transport(lua_State *L) {
  static const luaL_Reg context[] = {{"open", open_end}, {"__gc", context_gc}, {NULL, NULL}};
  static const luaL_Reg end[] = {{"feed", feed},
                                 {"breakDown", break_down},
                                 {"turn", turn},
                                 {"take", take},
                                 {"room", set_room},
                                 {"toils", set_toils},
                                 {"below", below},
                                 {"recv", receive},
                                 {"send", send_pieces},
                                 {"watch", watch},
                                 {"finish", finish},
                                 {"close", close_end},
                                 {"remove", remove_tls},
                                 {"events", events},
                                 {"isOpen", is_open},
                                 {"failure", failure},
                                 {"certificate", certificate},
                                 {"__gc", end_gc},
                                 {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"server", new_server}, {"client", new_client}, {"selfSigned", self_signed}, {NULL, NULL}};
  probe_add_class(L, CONTEXT, context);
  probe_add_class(L, END, end);
  luaL_newlib(L, functions);
  return 1;
}
