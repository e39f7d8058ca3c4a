// The mailbox for specs: one producer and one consumer in the spec's thread, and a storm of real
// threads for the sanitizers.

#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mailbox/batch.h"
#include "mailbox/mailbox.h"
#include "mailbox/shared.h"

#include "probe.h"

#define MAILBOX "probe.mailbox"

struct probe_mailbox {
  struct mailbox *mailbox;
  struct batch batch;
  struct block *taken;
  bool has_adopted;
};

static struct probe_mailbox *check(lua_State *L) {
  return luaL_checkudata(L, 1, MAILBOX);
}

static int new_mailbox(lua_State *L) {
  struct probe_mailbox *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  p->mailbox = mailbox_new();
  batch_init(&p->batch, p->mailbox);
  luaL_setmetatable(L, MAILBOX);
  return 1;
}

static int gc(lua_State *L) {
  struct probe_mailbox *p = check(L);
  if (!p->mailbox) return 0;
  batch_deinit(&p->batch);
  mailbox_take(p->mailbox, mailbox_take(p->mailbox, p->taken));
  mailbox_unref(p->mailbox);
  p->mailbox = NULL;
  return 0;
}

// mb:push(type, id, payload)
static int push(lua_State *L) {
  struct probe_mailbox *p = check(L);
  size_t n;
  const char *payload = luaL_checklstring(L, 4, &n);
  struct record *r = batch_push(&p->batch, (uint16_t)luaL_checkinteger(L, 2),
                                (uint64_t)luaL_checkinteger(L, 3), n);
  memcpy(r->payload, payload, n);
  return 0;
}

// mb:extend(more) -> whether it fitted
static int extend(lua_State *L) {
  struct probe_mailbox *p = check(L);
  size_t n;
  const char *more = luaL_checklstring(L, 2, &n);
  unsigned char *at = batch_extend(&p->batch, n);
  if (at) memcpy(at, more, n);
  lua_pushboolean(L, at != NULL);
  return 1;
}

static int shorten(lua_State *L) {
  batch_shorten(&check(L)->batch, (size_t)luaL_checkinteger(L, 2));
  return 0;
}

static int cancel(lua_State *L) {
  batch_cancel(&check(L)->batch);
  return 0;
}

static int flush(lua_State *L) {
  lua_pushboolean(L, batch_flush(&check(L)->batch));
  return 1;
}

// mb:take() -> array of blocks, each an array of {type, id, payload}; gives the last ones back
static int take(lua_State *L) {
  struct probe_mailbox *p = check(L);
  p->taken = mailbox_take(p->mailbox, p->taken);
  lua_newtable(L);
  int blocks = 0;
  for (struct block *b = p->taken; b; b = b->next) {
    lua_newtable(L);
    int records = 0;
    for (struct record *r = record_first(b); r; r = record_next(b, r)) {
      lua_createtable(L, 3, 0);
      lua_pushinteger(L, r->type);
      lua_rawseti(L, -2, 1);
      lua_pushinteger(L, (lua_Integer)r->id);
      lua_rawseti(L, -2, 2);
      lua_pushlstring(L, (const char *)r->payload, r->length);
      lua_rawseti(L, -2, 3);
      lua_rawseti(L, -2, ++records);
    }
    lua_rawseti(L, -2, ++blocks);
  }
  return 1;
}

// mb:sleep([lendable])
static int go_to_sleep(lua_State *L) {
  lua_pushboolean(L, mailbox_sleep(check(L)->mailbox, lua_toboolean(L, 2)));
  return 1;
}

static int rise(lua_State *L) {
  lua_pushboolean(L, mailbox_rise(check(L)->mailbox));
  return 1;
}

static int stop_lending(lua_State *L) {
  lua_pushboolean(L, mailbox_stop_lending(check(L)->mailbox));
  return 1;
}

static int yield(lua_State *L) {
  mailbox_yield(check(L)->mailbox);
  return 0;
}

// mb:standIn(): from now on posts adopt the consumer's part where they can.
static int stand_in(lua_State *L) {
  struct probe_mailbox *p = check(L);
  p->batch.adopted = &p->has_adopted;
  return 0;
}

// mb:hasAdopted() -> whether one has, since the last call
static int has_adopted(lua_State *L) {
  struct probe_mailbox *p = check(L);
  lua_pushboolean(L, p->has_adopted);
  p->has_adopted = false;
  return 1;
}

static int is_readable(lua_State *L) {
  struct pollfd fd = {mailbox_fd(check(L)->mailbox), POLLIN, 0};
  lua_pushboolean(L, poll(&fd, 1, 0) == 1);
  return 1;
}

static int wait_until_done(lua_State *L) {
  uint64_t ms = (uint64_t)luaL_checkinteger(L, 2);
  lua_pushboolean(L, mailbox_wait_until_done(check(L)->mailbox, ms));
  return 1;
}

static int pending(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mailbox_pending(check(L)->mailbox));
  return 1;
}

static int stats(lua_State *L) {
  struct mailbox_stats s = mailbox_stats(check(L)->mailbox);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)s.blocks);
  lua_setfield(L, -2, "blocks");
  lua_pushinteger(L, (lua_Integer)s.records);
  lua_setfield(L, -2, "records");
  lua_pushinteger(L, (lua_Integer)s.wakeups);
  lua_setfield(L, -2, "wakeups");
  lua_pushinteger(L, (lua_Integer)s.bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushinteger(L, (lua_Integer)s.recycled);
  lua_setfield(L, -2, "recycled");
  return 1;
}

// The storm: producers that number their records, a consumer that checks the numbers.

enum { PRODUCERS_MAX = 8, FLUSH_EVERY = 7 };

struct producer {
  pthread_t thread;
  struct mailbox *mailbox;
  uint64_t index;
  uint64_t count;
};

static void *produce(void *context) {
  struct producer *p = context;
  struct batch batch;
  batch_init(&batch, p->mailbox);
  for (uint64_t i = 0; i < p->count; i++) {
    struct record *r = batch_push(&batch, 1, p->index, sizeof i);
    memcpy(r->payload, &i, sizeof i);
    if (i % FLUSH_EVERY == 0) batch_flush(&batch);
    if (i % 1000 == 0) mailbox_wait_until_done(p->mailbox, 10000);
  }
  batch_flush(&batch);
  batch_deinit(&batch);
  return NULL;
}

// Takes everything that the producers send. Returns how many records came out of order.
static uint64_t consume(struct mailbox *mb, uint64_t total) {
  uint64_t expected[PRODUCERS_MAX] = {0};
  uint64_t wrong = 0;
  struct block *blocks = NULL;
  while (total > 0) {
    blocks = mailbox_take(mb, blocks);
    if (!blocks && mailbox_sleep(mb, false)) {
      struct pollfd fd = {mailbox_fd(mb), POLLIN, 0};
      poll(&fd, 1, -1);
    }
    for (struct block *b = blocks; b; b = b->next) {
      for (struct record *r = record_first(b); r; r = record_next(b, r), total--) {
        uint64_t number;
        memcpy(&number, r->payload, sizeof number);
        if (number != expected[r->id]++) wrong++;
      }
    }
  }
  mailbox_take(mb, blocks);
  return wrong;
}

// storm(producers, records of each) -> records out of order
static int storm(lua_State *L) {
  int count = (int)luaL_checkinteger(L, 1);
  uint64_t each = (uint64_t)luaL_checkinteger(L, 2);
  luaL_argcheck(L, count >= 1 && count <= PRODUCERS_MAX, 1, "1 to 8");
  struct producer producers[PRODUCERS_MAX];
  struct mailbox *mb = mailbox_new();
  for (int i = 0; i < count; i++) {
    producers[i] = (struct producer){.mailbox = mb, .index = (uint64_t)i, .count = each};
    pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
  }
  uint64_t wrong = consume(mb, each * (uint64_t)count);
  for (int i = 0; i < count; i++)
    pthread_join(producers[i].thread, NULL);
  mailbox_unref(mb);
  lua_pushinteger(L, (lua_Integer)wrong);
  return 1;
}

// allocations() -> how many the C core has made
static int allocations(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mem_count());
  return 1;
}

static const luaL_Reg METHODS[] = {
    {"push", push},
    {"extend", extend},
    {"shorten", shorten},
    {"cancel", cancel},
    {"flush", flush},
    {"take", take},
    {"sleep", go_to_sleep},
    {"rise", rise},
    {"stopLending", stop_lending},
    {"yield", yield},
    {"standIn", stand_in},
    {"hasAdopted", has_adopted},
    {"isReadable", is_readable},
    {"waitUntilDone", wait_until_done},
    {"pending", pending},
    {"stats", stats},
    {"__gc", gc},
    {NULL, NULL},
};

static const luaL_Reg FUNCTIONS[] = {
    {"new", new_mailbox},
    {"storm", storm},
    {"allocations", allocations},
    {NULL, NULL},
};

int probe_open_mailbox(lua_State *L) {
  probe_add_class(L, MAILBOX, METHODS);
  luaL_newlib(L, FUNCTIONS);
  lua_pushinteger(L, MAILBOX_BLOCK_SIZE);
  lua_setfield(L, -2, "BLOCK_SIZE");
  return 1;
}
