// Reloads, as one worker sees them: between the steps that lua/luaws/reload.lua does stands what
// its pool has to say. Runs in the Lua thread.

#include "script/vote.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "mailbox/ballot.h"
#include "script/failure.h"
#include "script/reload.h"
#include "script/task.h"
#include "script/watch.h"
#include "script/webserver_reload.h"
#include "script/wss_reload.h"

// What a step has left.
struct step {
  bool ok;    // its first result is true
  char *text; // its second one, mem_alloc'ed; NULL: none
};

static void on_step_done(struct runtime *rt, struct task *t, bool ok) {
  struct step *step = t->owner;
  if (!ok) {
    step->text = mem_dup_string("luaws itself has failed: the line above says how");
    failure_done(rt, t, false);
    return;
  }
  step->ok = lua_toboolean(t->co, 1);
  step->text = mem_dup_string(lua_tostring(t->co, 2));
}

// The script is run: in a task, as all of its code.
static struct step prepare(struct runtime *rt) {
  struct step step = {.ok = false, .text = NULL};
  struct task *t = task_new(rt, "reload", on_step_done, &step);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->reloader);
  lua_getfield(t->co, -1, "prepare");
  lua_remove(t->co, -2);
  task_run(rt, t);
  assert(step.ok || step.text);
  return step;
}

// "commit" or "rollback": no code of the script's, and outside of all tasks, where memory has no
// cap. Half of one would be neither generation.
static struct step conclude(struct runtime *rt, const char *name) {
  struct step step = {.ok = false, .text = NULL};
  if (rt->phase == PHASE_ENDED) return step;
  lua_State *L = rt->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->reloader);
  lua_getfield(L, -1, name);
  int status = lua_pcall(L, 0, 2, 0);
  if (status != LUA_OK) log_error("reload, %s: %s", name, lua_tostring(L, -1));
  step.ok = status == LUA_OK;
  if (step.ok) step.text = mem_dup_string(lua_tostring(L, -1));
  lua_settop(L, 0);
  return step;
}

static void tell_success(const struct runtime *rt, const struct ballot_result *result,
                         const char *details) {
  struct buf text;
  buf_init(&text, INT32_MAX);
  double ms = (double)result->took / 1e6;
  buf_printf(&text, "reloaded %s (generation %u, in %.1f ms)%s", result->what, rt->generation, ms,
             details ? details : "");
  struct log_field fields[] = {
      {.key = "generation", .kind = LOG_INTEGER, .integer = rt->generation},
      {.key = "ms", .kind = LOG_NUMBER, .number = ms},
  };
  log_write(LOG_INFO, text.data, text.len, fields, log_is_json() ? 2 : 0);
  buf_deinit(&text);
}

static void tell_failure(const struct runtime *rt, const struct ballot_result *result) {
  if (result->why[0] == '\0') return;
  struct buf text;
  buf_init(&text, INT32_MAX);
  buf_printf(&text, "%s\nnot reloaded: the old code goes on (generation %u); %s", result->why,
             rt->generation, rt->options->watch ? "save again to retry" : "SIGHUP tries again");
  struct log_field fields[] = {
      {.key = "generation", .kind = LOG_INTEGER, .integer = rt->generation},
      {.key = "worker", .kind = LOG_INTEGER, .integer = (int64_t)result->failed + 1},
  };
  size_t count = result->voters > 1 ? 2 : 1;
  log_write(LOG_ERROR, text.data, text.len, fields, log_is_json() ? count : 0);
  buf_deinit(&text);
}

static void expire(struct runtime *rt, struct deadline *d) {
  (void)d;
  struct ballot_result result;
  if (ballot_expire(rt->options->pool->ballot, rt->reload_round, &result))
    tell_failure(rt, &result);
}

static void wait_for_others(struct runtime *rt, uint64_t round) {
  rt->reload_round = round;
  wheel_start(&rt->wheel, &rt->reload_due.timer,
              runtime_clock(rt) + ballot_patience(rt->options->pool->ballot));
}

static void take_part(struct runtime *rt, uint64_t round) {
  struct ballot *ballot = rt->options->pool->ballot;
  unsigned voter = rt->options->index;
  rt->reload_round = round;
  struct step prepared = prepare(rt);
  if (prepared.ok) {
    wss_reload_keep(rt);
    webserver_reload_keep(rt);
  }
  bool is_taken = ballot_vote(ballot, voter, round, prepared.ok ? NULL : prepared.text);
  struct step done = conclude(rt, is_taken ? "commit" : "rollback");
  if (is_taken) rt->awaits_save = rt->options->watch; // with nothing in it, it may be half written
  struct ballot_result result;
  bool tells = ballot_finish(ballot, voter, round, &result);
  if (tells && result.is_done) tell_success(rt, &result, done.text);
  if (tells && !result.is_done) tell_failure(rt, &result);
  if (rt->phase != PHASE_ENDED) watch_on_reload(rt, is_taken ? NULL : result.why);
  mem_free(prepared.text);
  mem_free(done.text);
}

void vote_on_reload(struct runtime *rt, uint64_t round) {
  struct pool *pool = rt->options->pool;
  if (!pool->ballot || rt->phase != PHASE_RUNNING) return;
  switch (ballot_come(pool->ballot, rt->options->index, round)) {
  case BALLOT_STALE: return;
  case BALLOT_WAIT: wait_for_others(rt, round); return;
  case BALLOT_PREPARE: wheel_stop(&rt->reload_due.timer); take_part(rt, round);
  }
}

void vote_stop(struct runtime *rt) {
  if (rt->options->pool->ballot) ballot_close(rt->options->pool->ballot);
}

void vote_leave(struct runtime *rt) {
  if (rt->options->name) return; // it has no vote
  if (rt->options->pool->ballot) ballot_leave(rt->options->pool->ballot, rt->options->index);
}

void vote_init(struct runtime *rt) {
  runtime_deadline_init(&rt->reload_due, expire);
}
