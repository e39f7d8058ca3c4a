// The ballot for specs: votes one after the other in the spec's thread, and a storm of real threads
// for the sanitizers.

#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mailbox/ballot.h"
#include "mailbox/batch.h"
#include "mailbox/event.h"
#include "mailbox/mailbox.h"

#include "probe.h"

#define BALLOT "probe.ballot"

struct probe_ballot {
  struct ballot *ballot;
  unsigned count;
  struct mailbox *mailboxes[BALLOT_VOTERS_MAX];
};

static struct probe_ballot *check(lua_State *L) {
  return luaL_checkudata(L, 1, BALLOT);
}

// ballot.new(voters, comeMs, voteMs). Voters count from 0.
static int new_ballot(lua_State *L) {
  unsigned count = (unsigned)luaL_checkinteger(L, 1);
  struct probe_ballot *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  p->ballot = ballot_new((uint64_t)luaL_checkinteger(L, 2), (uint64_t)luaL_checkinteger(L, 3));
  luaL_setmetatable(L, BALLOT);
  for (; p->count < count; p->count++) {
    p->mailboxes[p->count] = mailbox_new();
    ballot_add(p->ballot, p->mailboxes[p->count]);
  }
  return 1;
}

static int gc(lua_State *L) {
  struct probe_ballot *p = check(L);
  ballot_free(p->ballot);
  p->ballot = NULL;
  while (p->count > 0)
    mailbox_unref(p->mailboxes[--p->count]);
  return 0;
}

// The round of the newest EVENT_RELOAD in the mailbox, 0: there is none.
static uint64_t take_round(struct mailbox *mailbox) {
  uint64_t round = 0;
  for (struct block *taken = NULL; (taken = mailbox_take(mailbox, taken));)
    for (struct block *block = taken; block; block = block->next)
      for (struct record *r = record_first(block); r; r = record_next(block, r))
        round = r->id;
  return round;
}

static int take(lua_State *L) {
  struct probe_ballot *p = check(L);
  uint64_t round = take_round(p->mailboxes[luaL_checkinteger(L, 2)]);
  if (round == 0) return 0;
  lua_pushinteger(L, (lua_Integer)round);
  return 1;
}

static int call(lua_State *L) {
  lua_pushboolean(L, ballot_call(check(L)->ballot, luaL_checkstring(L, 2)));
  return 1;
}

static int come(lua_State *L) {
  static const char *const STEPS[] = {
      [BALLOT_STALE] = "stale", [BALLOT_WAIT] = "wait", [BALLOT_PREPARE] = "prepare"};
  unsigned voter = (unsigned)luaL_checkinteger(L, 2);
  lua_pushstring(L, STEPS[ballot_come(check(L)->ballot, voter, (uint64_t)luaL_checkinteger(L, 3))]);
  return 1;
}

static int push_result(lua_State *L, bool is_there, const struct ballot_result *r) {
  if (!is_there) return 0;
  lua_newtable(L);
  lua_pushboolean(L, r->is_done);
  lua_setfield(L, -2, "isDone");
  lua_pushinteger(L, r->failed);
  lua_setfield(L, -2, "failed");
  lua_pushinteger(L, r->voters);
  lua_setfield(L, -2, "voters");
  lua_pushstring(L, r->what);
  lua_setfield(L, -2, "what");
  lua_pushstring(L, r->why);
  lua_setfield(L, -2, "why");
  return 1;
}

static int expire(lua_State *L) {
  struct ballot_result result;
  bool tells = ballot_expire(check(L)->ballot, (uint64_t)luaL_checkinteger(L, 2), &result);
  return push_result(L, tells, &result);
}

// b:vote(voter, round, why): waits.
static int vote(lua_State *L) {
  unsigned voter = (unsigned)luaL_checkinteger(L, 2);
  lua_pushboolean(L, ballot_vote(check(L)->ballot, voter, (uint64_t)luaL_checkinteger(L, 3),
                                 luaL_optstring(L, 4, NULL)));
  return 1;
}

static int finish(lua_State *L) {
  struct ballot_result result;
  unsigned voter = (unsigned)luaL_checkinteger(L, 2);
  bool tells = ballot_finish(check(L)->ballot, voter, (uint64_t)luaL_checkinteger(L, 3), &result);
  return push_result(L, tells, &result);
}

static int leave(lua_State *L) {
  ballot_leave(check(L)->ballot, (unsigned)luaL_checkinteger(L, 2));
  return 0;
}

static int close_ballot(lua_State *L) {
  ballot_close(check(L)->ballot);
  return 0;
}

// The storm ---------------------------------------------------------------------------------------

struct storm {
  struct probe_ballot *p;
  atomic_uint next_voter;
  atomic_uint told;    // results, of rounds that were done
  atomic_uint done;    // by each voter
  atomic_uint refused; // results, of those that weren't
  atomic_uint missing; // of a done round's voters
  atomic_uint generations[BALLOT_VOTERS_MAX];
  unsigned goal;
  atomic_bool is_over;
};

static void tell(struct storm *s, const struct ballot_result *result) {
  atomic_fetch_add(result->is_done ? &s->told : &s->refused, 1);
  if (atomic_load(&s->told) + atomic_load(&s->refused) >= s->goal)
    atomic_store(&s->is_over, true);
  else
    ballot_call(s->p->ballot, "again");
}

// Every third time one says no. (And the last voter leaves in the middle.)
static void take_part(struct storm *s, unsigned voter, uint64_t round) {
  struct ballot *b = s->p->ballot;
  struct ballot_result result;
  if (ballot_come(b, voter, round) != BALLOT_PREPARE) return;
  bool refuses = round % 3 == 0 && round % s->p->count == voter;
  if (ballot_vote(b, voter, round, refuses ? "no" : NULL)) {
    atomic_fetch_add(&s->generations[voter], 1);
    atomic_fetch_add(&s->done, 1);
  }
  if (ballot_finish(b, voter, round, &result)) tell(s, &result);
}

static void *run_voter(void *context) {
  struct storm *s = context;
  unsigned voter = atomic_fetch_add(&s->next_voter, 1);
  bool leaves = voter == s->p->count - 1;
  struct mailbox *mailbox = s->p->mailboxes[voter];
  while (!atomic_load(&s->is_over)) {
    uint64_t round = take_round(mailbox);
    if (round > 0 && leaves && round > s->goal / 2) break;
    if (round > 0) {
      take_part(s, voter, round);
    } else if (mailbox_sleep(mailbox, false)) {
      struct pollfd fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
      poll(&fd, 1, 10);
    }
  }
  ballot_leave(s->p->ballot, voter);
  return NULL;
}

// b:storm(rounds) -> done, refused, generations: as many rounds as come to an end, the voters a
// thread each.
static int storm(lua_State *L) {
  struct storm s = {.p = check(L), .goal = (unsigned)luaL_checkinteger(L, 2)};
  pthread_t threads[BALLOT_VOTERS_MAX];
  for (unsigned i = 0; i < s.p->count; i++)
    pthread_create(&threads[i], NULL, run_voter, &s);
  ballot_call(s.p->ballot, "first");
  for (unsigned i = 0; i < s.p->count; i++)
    pthread_join(threads[i], NULL);
  lua_pushinteger(L, atomic_load(&s.told));
  lua_pushinteger(L, atomic_load(&s.refused));
  lua_newtable(L);
  for (unsigned i = 0; i < s.p->count; i++) {
    lua_pushinteger(L, atomic_load(&s.generations[i]));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 3;
}

int probe_open_ballot(lua_State *L) {
  static const luaL_Reg METHODS[] = {
      {"take", take},   {"call", call},     {"come", come},   {"expire", expire},
      {"vote", vote},   {"finish", finish}, {"leave", leave}, {"close", close_ballot},
      {"storm", storm}, {"__gc", gc},       {NULL, NULL}};
  probe_add_class(L, BALLOT, METHODS);
  lua_newtable(L);
  lua_pushcfunction(L, new_ballot);
  lua_setfield(L, -2, "new");
  return 1;
}
