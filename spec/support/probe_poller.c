// The poller for specs: socket pairs of which one end is watched.

#include <lauxlib.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/poller.h"
#include "probe.h"

#define POLLER "probe.poller"

enum { ITEMS_MAX = 8, READ_MAX = 4096 };

struct probe_item {
  struct poll_item item;
  int number;
  int peer; // the other end, -1: closed
  int fd;   // this end
};

struct probe_poller {
  struct poller poller;
  uv_loop_t loop;
  struct probe_item *items[ITEMS_MAX]; // each in memory of its own, which is freed at its end
  lua_State *L;                        // reports go into the table on its stack
  bool halts;                          // after each report
  bool leaves; // who is reported wants to be so once more, and is removed at once
};

static struct probe_poller *owner_of(struct poll_item *item) {
  return item->poller->loop->data;
}

static void note(struct probe_poller *p, const char *what, int number) {
  lua_pushfstring(p->L, "%s %d", what, number);
  lua_rawseti(p->L, -2, (lua_Integer)lua_rawlen(p->L, -2) + 1);
}

static void on_ready(struct poll_item *item, bool readable, bool writable) {
  struct probe_poller *p = owner_of(item);
  note(p,
       readable && writable ? "both"
       : readable           ? "read"
                            : "write",
       ((struct probe_item *)item)->number);
  if (p->halts) poller_halt(&p->poller);
  if (!p->leaves) return;
  poller_report(item);
  poller_remove(item);
  close(((struct probe_item *)item)->fd);
}

static void on_removed(struct poll_item *item) {
  struct probe_poller *p = owner_of(item);
  struct probe_item *i = (struct probe_item *)item;
  note(p, "removed", i->number);
  if (i->peer >= 0) close(i->peer);
  p->items[i->number] = NULL;
  free(i);
}

static int new_poller(lua_State *L) {
  struct probe_poller *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (struct probe_poller){0};
  uv_loop_init(&p->loop);
  p->loop.data = p;
  if (poller_open(&p->poller, &p->loop, on_ready, on_removed) != 0)
    return luaL_error(L, "the poller does not open");
  luaL_setmetatable(L, POLLER);
  return 1;
}

static struct probe_poller *check_poller(lua_State *L) {
  return luaL_checkudata(L, 1, POLLER);
}

static struct probe_item *check_item(lua_State *L) {
  lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 0 && number < ITEMS_MAX, 2, "no such item");
  struct probe_item *i = check_poller(L)->items[number];
  luaL_argcheck(L, i, 2, "it was removed");
  return i;
}

// p:add(number): a socket that is watched for reading
static int add(lua_State *L) {
  struct probe_poller *p = check_poller(L);
  int number = (int)luaL_checkinteger(L, 2), ends[2];
  luaL_argcheck(L, number >= 0 && number < ITEMS_MAX && !p->items[number], 2, "not free");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
    return luaL_error(L, "no sockets");
  struct probe_item *i = malloc(sizeof *i);
  *i = (struct probe_item){.number = number, .peer = ends[1], .fd = ends[0]};
  p->items[number] = i;
  if (poller_add(&p->poller, &i->item, ends[0]) != 0) return luaL_error(L, "not added");
  return 0;
}

// p:want(number, readable, writable)
static int want(lua_State *L) {
  poller_want(&check_item(L)->item, lua_toboolean(L, 3), lua_toboolean(L, 4));
  return 0;
}

// p:write(number, bytes): from the other end; nil: that is closed
static int write_bytes(lua_State *L) {
  struct probe_item *i = check_item(L);
  if (lua_isnil(L, 3)) {
    close(i->peer);
    i->peer = -1;
    return 0;
  }
  size_t n;
  const char *bytes = luaL_checklstring(L, 3, &n);
  lua_pushboolean(L, write(i->peer, bytes, n) == (ssize_t)n);
  return 1;
}

// p:read(number, max) -> bytes, whether there may be more
static int read_bytes(lua_State *L) {
  struct probe_item *i = check_item(L);
  char bytes[READ_MAX];
  size_t max = (size_t)luaL_checkinteger(L, 3);
  ssize_t n = read(i->fd, bytes, max < sizeof bytes ? max : sizeof bytes);
  lua_pushlstring(L, bytes, n > 0 ? (size_t)n : 0);
  lua_pushboolean(L, i->item.is_ending);
  return 2;
}

// p:readOn(number)
static int read_on(lua_State *L) {
  poller_read_on(&check_item(L)->item);
  return 0;
}

// p:report(number)
static int report_again(lua_State *L) {
  poller_report(&check_item(L)->item);
  return 0;
}

// p:toil() -> whether one more may be done
static int toil(lua_State *L) {
  lua_pushboolean(L, poller_may_toil(&check_poller(L)->poller));
  return 1;
}

// p:hasRest() -> whether something waits for resume
static int has_rest(lua_State *L) {
  lua_pushboolean(L, poller_has_rest(&check_poller(L)->poller));
  return 1;
}

// p:remove(number)
static int remove_item(lua_State *L) {
  struct probe_item *i = check_item(L);
  poller_remove(&i->item);
  close(i->fd);
  return 0;
}

// p:halts(yes): from now on everything stops after each report
static int set_halts(lua_State *L) {
  check_poller(L)->halts = lua_toboolean(L, 2);
  return 0;
}

// p:leaves(yes): from now on who is reported asks for one more report, and is removed
static int set_leaves(lua_State *L) {
  check_poller(L)->leaves = lua_toboolean(L, 2);
  return 0;
}

static void turn_loop(struct probe_poller *p) {
  uv_run(&p->loop, UV_RUN_NOWAIT);
}

static void resume(struct probe_poller *p) {
  poller_resume(&p->poller);
}

static void sweep(struct probe_poller *p) {
  poller_sweep(&p->poller);
  uv_run(&p->loop, UV_RUN_NOWAIT);
}

static int collect_reports(lua_State *L, void (*what)(struct probe_poller *p)) {
  struct probe_poller *p = check_poller(L);
  lua_newtable(L);
  p->L = L;
  what(p);
  return 1;
}

// p:turn() -> reports, like "read 1"
static int turn(lua_State *L) {
  return collect_reports(L, turn_loop);
}

// p:resume() -> the same
static int resume_reports(lua_State *L) {
  return collect_reports(L, resume);
}

// p:sweep() -> the same
static int sweep_removed(lua_State *L) {
  return collect_reports(L, sweep);
}

static int close_poller(lua_State *L) {
  struct probe_poller *p = check_poller(L);
  lua_newtable(L);
  p->L = L;
  for (int i = 0; i < ITEMS_MAX; i++) {
    if (!p->items[i]) continue;
    poller_remove(&p->items[i]->item);
    close(p->items[i]->fd);
  }
  poller_close(&p->poller);
  uv_run(&p->loop, UV_RUN_DEFAULT);
  uv_loop_close(&p->loop);
  return 0;
}

int probe_open_poller(lua_State *L) {
  static const luaL_Reg methods[] = {{"add", add},
                                     {"want", want},
                                     {"write", write_bytes},
                                     {"read", read_bytes},
                                     {"readOn", read_on},
                                     {"report", report_again},
                                     {"toil", toil},
                                     {"hasRest", has_rest},
                                     {"remove", remove_item},
                                     {"halts", set_halts},
                                     {"leaves", set_leaves},
                                     {"turn", turn},
                                     {"resume", resume_reports},
                                     {"sweep", sweep_removed},
                                     {"__gc", close_poller},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new_poller}, {NULL, NULL}};
  probe_add_class(L, POLLER, methods);
  luaL_newlib(L, functions);
#ifdef POLLER_EPOLL
  lua_pushboolean(L, true);
  lua_setfield(L, -2, "isEpoll");
#endif
  return 1;
}
