// The base layer for specs: buffers, lists, the timing wheel, errors, the log as it is written.

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wheel.h"
#include "probe.h"

#define BUF   "probe.base.buf"
#define RINGS "probe.base.rings"
#define WHEEL "probe.base.wheel"

enum { NODES = 256, TIMERS = 4096, FIELDS = 16, LOG_SEEN = 2 << 20 };

static void push_result(lua_State *L, int result) {
  if (result == ERR_TOO_BIG)
    lua_pushliteral(L, "too big");
  else
    lua_pushinteger(L, result);
}

// buf(max)
static int new_buf(lua_State *L) {
  size_t max = (size_t)luaL_checkinteger(L, 1);
  struct buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b, max);
  luaL_setmetatable(L, BUF);
  return 1;
}

static struct buf *check_buf(lua_State *L) {
  return luaL_checkudata(L, 1, BUF);
}

// b:append(text) -> 0 or "too big"
static int append_buf(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  push_result(L, buf_append(check_buf(L), text, length));
  return 1;
}

// b:appendStr(text), up to its first NUL
static int append_str(lua_State *L) {
  push_result(L, buf_append_str(check_buf(L), luaL_checkstring(L, 2)));
  return 1;
}

// b:printf(text): through "%s"
static int print_buf(lua_State *L) {
  push_result(L, buf_printf(check_buf(L), "%s", luaL_checkstring(L, 2)));
  return 1;
}

// b:reserve(n) -> whether there was room; the room is written to
static int reserve_buf(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 2);
  char *room = buf_reserve(check_buf(L), n);
  if (room) memset(room, '?', n);
  lua_pushboolean(L, room != NULL);
  return 1;
}

static int consume_buf(lua_State *L) {
  struct buf *b = check_buf(L);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 0 && (size_t)n <= b->len, 2, "more than it holds");
  buf_consume(b, (size_t)n);
  return 0;
}

// b:take() -> its bytes, or nil when nothing was ever written
static int take_buf(lua_State *L) {
  size_t length;
  char *bytes = buf_take(check_buf(L), &length);
  if (!bytes) return 0;
  lua_pushlstring(L, bytes, length);
  mem_free(bytes);
  return 1;
}

// b:text()
static int text_buf(lua_State *L) {
  struct span text = buf_span(check_buf(L));
  lua_pushlstring(L, text.p ? text.p : "", text.n);
  return 1;
}

// b:sizes() -> len, cap, max
static int sizes_buf(lua_State *L) {
  struct buf *b = check_buf(L);
  lua_pushinteger(L, (lua_Integer)b->len);
  lua_pushinteger(L, (lua_Integer)b->cap);
  lua_pushinteger(L, (lua_Integer)b->max);
  return 3;
}

static int deinit_buf(lua_State *L) {
  buf_deinit(check_buf(L));
  return 0;
}

static const luaL_Reg BUF_METHODS[] = {{"append", append_buf},
                                       {"appendStr", append_str},
                                       {"printf", print_buf},
                                       {"reserve", reserve_buf},
                                       {"consume", consume_buf},
                                       {"take", take_buf},
                                       {"text", text_buf},
                                       {"sizes", sizes_buf},
                                       {"deinit", deinit_buf},
                                       {"__gc", deinit_buf},
                                       {NULL, NULL}};

// Two rings and the nodes that can be on either.
struct rings {
  struct list heads[2];
  struct list nodes[NODES];
};

// rings(): nodes are 1..256, rings 1 and 2
static int new_rings(lua_State *L) {
  struct rings *r = lua_newuserdatauv(L, sizeof *r, 0);
  for (int i = 0; i < 2; i++)
    list_init(&r->heads[i]);
  for (int i = 0; i < NODES; i++)
    list_init(&r->nodes[i]);
  luaL_setmetatable(L, RINGS);
  return 1;
}

static struct list *check_ring(lua_State *L, int index) {
  struct rings *r = luaL_checkudata(L, 1, RINGS);
  lua_Integer which = luaL_checkinteger(L, index);
  luaL_argcheck(L, which == 1 || which == 2, index, "no such ring");
  return &r->heads[which - 1];
}

static struct list *check_node(lua_State *L, int index) {
  struct rings *r = luaL_checkudata(L, 1, RINGS);
  lua_Integer which = luaL_checkinteger(L, index);
  luaL_argcheck(L, which >= 1 && which <= NODES, index, "no such node");
  return &r->nodes[which - 1];
}

static int push_node(lua_State *L) {
  list_push(check_ring(L, 2), check_node(L, 3));
  return 0;
}

static int remove_node(lua_State *L) {
  list_remove(check_node(L, 2));
  return 0;
}

static int pop_node(lua_State *L) {
  struct rings *r = luaL_checkudata(L, 1, RINGS);
  struct list *node = list_pop(check_ring(L, 2));
  if (!node) return 0;
  lua_pushinteger(L, node - r->nodes + 1);
  return 1;
}

// r:splice(ring, from)
static int splice_ring(lua_State *L) {
  list_splice(check_ring(L, 2), check_ring(L, 3));
  return 0;
}

// r:forwards(ring), r:backwards(ring) -> array of nodes, along next or prev
static int walk_ring(lua_State *L, bool forwards) {
  struct rings *r = luaL_checkudata(L, 1, RINGS);
  struct list *head = check_ring(L, 2);
  struct list *node = forwards ? head->next : head->prev;
  lua_newtable(L);
  for (lua_Integer i = 1; node != head; i++) {
    lua_pushinteger(L, node - r->nodes + 1);
    lua_rawseti(L, -2, i);
    node = forwards ? node->next : node->prev;
  }
  return 1;
}

static int walk_forwards(lua_State *L) {
  return walk_ring(L, true);
}

static int walk_backwards(lua_State *L) {
  return walk_ring(L, false);
}

static const luaL_Reg RINGS_METHODS[] = {{"push", push_node},
                                         {"remove", remove_node},
                                         {"pop", pop_node},
                                         {"splice", splice_ring},
                                         {"forwards", walk_forwards},
                                         {"backwards", walk_backwards},
                                         {NULL, NULL}};

struct probe_wheel {
  struct wheel wheel;
  struct list expired;
  struct wheel_timer timers[TIMERS];
};

// wheel(now): timers are 1..4096
static int new_wheel(lua_State *L) {
  uint64_t now = (uint64_t)luaL_checkinteger(L, 1);
  struct probe_wheel *w = lua_newuserdatauv(L, sizeof *w, 0);
  wheel_init(&w->wheel, now);
  list_init(&w->expired);
  for (int i = 0; i < TIMERS; i++)
    wheel_timer_init(&w->timers[i]);
  luaL_setmetatable(L, WHEEL);
  return 1;
}

static struct probe_wheel *check_wheel(lua_State *L) {
  return luaL_checkudata(L, 1, WHEEL);
}

static struct wheel_timer *check_timer(lua_State *L) {
  lua_Integer which = luaL_checkinteger(L, 2);
  luaL_argcheck(L, which >= 1 && which <= TIMERS, 2, "no such timer");
  return &check_wheel(L)->timers[which - 1];
}

// w:start(timer, due)
static int start_timer(lua_State *L) {
  wheel_start(&check_wheel(L)->wheel, check_timer(L), (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

static int stop_timer(lua_State *L) {
  wheel_stop(check_timer(L));
  return 0;
}

static int is_running(lua_State *L) {
  lua_pushboolean(L, wheel_is_running(check_timer(L)));
  return 1;
}

// w:advance(now): what is due gathers on the expired list
static int advance_wheel(lua_State *L) {
  struct probe_wheel *w = check_wheel(L);
  wheel_advance(&w->wheel, (uint64_t)luaL_checkinteger(L, 2), &w->expired);
  return 0;
}

// w:pop() -> the next timer of the expired list, taken off; or nil
static int pop_expired(lua_State *L) {
  struct probe_wheel *w = check_wheel(L);
  struct list *node = list_pop(&w->expired);
  if (!node) return 0;
  lua_pushinteger(L, LIST_ENTRY(node, struct wheel_timer, node) - w->timers + 1);
  return 1;
}

// w:timeout() -> ms, or nil when nothing runs
static int timeout_wheel(lua_State *L) {
  uint64_t timeout = wheel_timeout(&check_wheel(L)->wheel);
  if (timeout == UINT64_MAX) return 0;
  lua_pushinteger(L, (lua_Integer)timeout);
  return 1;
}

static const luaL_Reg WHEEL_METHODS[] = {{"start", start_timer},
                                         {"stop", stop_timer},
                                         {"isRunning", is_running},
                                         {"advance", advance_wheel},
                                         {"pop", pop_expired},
                                         {"timeout", timeout_wheel},
                                         {NULL, NULL}};

static int push_err(lua_State *L, const struct err *e) {
  lua_pushinteger(L, e->code);
  lua_pushstring(L, e->component);
  lua_pushstring(L, e->text);
  return 3;
}

// err(component, code, text) -> code, component, text
static int set_err(lua_State *L) {
  struct err e;
  err_set(&e, luaL_checkstring(L, 1), (int)luaL_checkinteger(L, 2), "%s", luaL_checkstring(L, 3));
  return push_err(L, &e);
}

// errno(number, text) -> code, component, text
static int set_errno(lua_State *L) {
  struct err e;
  err_set_errno(&e, (int)luaL_checkinteger(L, 1), "%s", luaL_checkstring(L, 2));
  return push_err(L, &e);
}

// The fields of the array at `index`: { { key, value }, ... }.
static size_t read_fields(lua_State *L, int index, struct log_field fields[FIELDS]) {
  size_t count = 0;
  if (lua_isnoneornil(L, index)) return 0;
  for (; count < FIELDS && lua_rawgeti(L, index, (lua_Integer)count + 1) == LUA_TTABLE; count++) {
    struct log_field *f = &fields[count];
    *f = (struct log_field){0};
    lua_rawgeti(L, -1, 1);
    f->key = luaL_checkstring(L, -1);
    lua_rawgeti(L, -2, 2);
    if (lua_isinteger(L, -1)) {
      f->kind = LOG_INTEGER;
      f->integer = lua_tointeger(L, -1);
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
      f->kind = LOG_NUMBER;
      f->number = lua_tonumber(L, -1);
    } else if (lua_isboolean(L, -1)) {
      f->kind = LOG_BOOLEAN;
      f->integer = lua_toboolean(L, -1);
    } else {
      f->kind = LOG_STRING;
      f->string = luaL_checklstring(L, -1, &f->length);
    }
  }
  return count;
}

// A terminal to write to, `*master` to read from.
static int open_terminal(int *master) {
  *master = posix_openpt(O_RDWR | O_NOCTTY);
  if (*master < 0 || grantpt(*master) != 0 || unlockpt(*master) != 0) return -1;
  return open(ptsname(*master), O_RDWR | O_NOCTTY);
}

static int open_file(void) {
  char name[] = "/tmp/luaws-log-XXXXXX";
  int fd = mkstemp(name);
  if (fd >= 0) unlink(name);
  return fd;
}

// Pushes what was written: of a file all, of a terminal what one read gives.
static void push_written(lua_State *L, int fd, bool is_terminal) {
  char *bytes = mem_alloc(LOG_SEEN);
  ssize_t n = is_terminal ? read(fd, bytes, LOG_SEEN) : pread(fd, bytes, LOG_SEEN, 0);
  lua_pushlstring(L, bytes, n > 0 ? (size_t)n : 0);
  mem_free(bytes);
}

static const char *const LEVELS[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const FORMATS[] = {"text", "json", NULL};

// log{ threshold =, format =, level =, text =, fields =, terminal = } -> what is written to stderr
static int write_log(lua_State *L) {
  struct log_field fields[FIELDS];
  lua_settop(L, 1);
  lua_getfield(L, 1, "threshold");
  enum log_level threshold = (enum log_level)luaL_checkoption(L, -1, "debug", LEVELS);
  lua_getfield(L, 1, "format");
  enum log_format format = (enum log_format)luaL_checkoption(L, -1, "text", FORMATS);
  lua_getfield(L, 1, "level");
  enum log_level level = (enum log_level)luaL_checkoption(L, -1, "info", LEVELS);
  lua_getfield(L, 1, "text");
  size_t length;
  const char *text = luaL_checklstring(L, -1, &length);
  lua_getfield(L, 1, "terminal");
  bool is_terminal = lua_toboolean(L, -1);
  lua_getfield(L, 1, "fields");
  luaL_checkstack(L, 4 * FIELDS, NULL);
  size_t count = read_fields(L, lua_gettop(L), fields);
  int master = -1;
  int fd = is_terminal ? open_terminal(&master) : open_file();
  if (fd < 0) return luaL_error(L, "can't open a place to log to: %s", strerror(errno));
  int kept = dup(STDERR_FILENO);
  dup2(fd, STDERR_FILENO);
  log_configure(threshold, format);
  log_write(level, text, length, fields, count);
  log_configure(LOG_INFO, LOG_TEXT);
  dup2(kept, STDERR_FILENO);
  close(kept);
  push_written(L, is_terminal ? master : fd, is_terminal);
  if (is_terminal) close(master);
  close(fd);
  return 1;
}

// isLogged(threshold, level)
static int is_logged(lua_State *L) {
  log_configure((enum log_level)luaL_checkoption(L, 1, NULL, LEVELS), LOG_TEXT);
  lua_pushboolean(L, log_enabled((enum log_level)luaL_checkoption(L, 2, NULL, LEVELS)));
  log_configure(LOG_INFO, LOG_TEXT);
  return 1;
}

// trim(text), equalNocase(a, b): spans
static int trim(lua_State *L) {
  struct span s;
  s.p = luaL_checklstring(L, 1, &s.n);
  s = span_trim(s);
  lua_pushlstring(L, s.p, s.n);
  return 1;
}

static int equal_nocase(lua_State *L) {
  struct span a, b;
  a.p = luaL_checklstring(L, 1, &a.n);
  b.p = luaL_checklstring(L, 2, &b.n);
  lua_pushboolean(L, span_eq_nocase(a, b));
  lua_pushboolean(L, span_eq(a, b));
  return 2;
}

// dup(text) -> the copy with the byte behind it
static int dup_text(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  char *copy = mem_dup(text, length);
  lua_pushlstring(L, copy, length + 1);
  mem_free(copy);
  return 1;
}

// allocations() -> how many there have been
static int allocations(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mem_count());
  return 1;
}

// allocate(): one of each kind, also of no bytes -> whether zeroed memory was zero
static int allocate(lua_State *L) {
  void *nothing = mem_alloc(0);
  char *zero = mem_zalloc(64);
  bool is_zero = true;
  for (int i = 0; i < 64; i++)
    is_zero = is_zero && zero[i] == 0;
  mem_free(mem_realloc(nothing, 128));
  mem_free(zero);
  mem_free(NULL);
  lua_pushboolean(L, is_zero);
  return 1;
}

// giveBack(bytes): that many, taken and freed below a block that stays, then mem_give_back
static int give_back(lua_State *L) {
  size_t count = (size_t)luaL_checkinteger(L, 1) / 4096;
  void **blocks = mem_alloc(count * sizeof *blocks);
  for (size_t i = 0; i < count; i++)
    blocks[i] = memset(mem_alloc(4096), 'x', 4096);
  void *above = mem_alloc(64 * 1024); // too large for any hole
  for (size_t i = 0; i < count; i++)
    mem_free(blocks[i]);
  mem_free(blocks);
  mem_give_back();
  mem_free(above);
  return 0;
}

// clock() -> ms, ns
static int read_clock(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)clock_ms());
  lua_pushinteger(L, (lua_Integer)clock_ns());
  return 2;
}

int probe_open_base(lua_State *L) {
  static const luaL_Reg functions[] = {{"buf", new_buf},
                                       {"rings", new_rings},
                                       {"wheel", new_wheel},
                                       {"err", set_err},
                                       {"errno", set_errno},
                                       {"log", write_log},
                                       {"isLogged", is_logged},
                                       {"trim", trim},
                                       {"equalNocase", equal_nocase},
                                       {"dup", dup_text},
                                       {"allocations", allocations},
                                       {"allocate", allocate},
                                       {"giveBack", give_back},
                                       {"clock", read_clock},
                                       {NULL, NULL}};
  probe_add_class(L, BUF, BUF_METHODS);
  probe_add_class(L, RINGS, RINGS_METHODS);
  probe_add_class(L, WHEEL, WHEEL_METHODS);
  luaL_newlib(L, functions);
  return 1;
}
