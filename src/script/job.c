// Calls that are carried out. Runs in the Lua thread.

#include "script/job.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "script/args.h"
#include "script/copy.h"
#include "script/errorvalue.h"
#include "script/failure.h"
#include "script/task.h"
#include "script/vm.h"

struct job {
  struct list node; // on runtime.jobs until it begins
  struct task *task;
  struct seat *from; // who waits for an answer; NULL: nobody does, or it has been given
  uint64_t number;
  size_t cost; // what it counts in the worker's seat
  struct span chain, target, arguments;
  char text[]; // these three
};

// In an xpcall's result: an error and where it was raised.
enum { BOX_ERROR = 1, BOX_TRACEBACK };

static void on_done(struct runtime *rt, struct task *t, bool ok);

static struct job *job_of(struct list *node) {
  return LIST_ENTRY(node, struct job, node);
}

static struct job *copy_record(const struct record *record) {
  const struct event_call *call = (const struct event_call *)record->payload;
  size_t length = record->length - sizeof *call;
  struct job *job = mem_alloc(sizeof *job + length);
  memcpy(job->text, call + 1, length);
  list_init(&job->node);
  job->task = NULL;
  job->from = call->from;
  job->number = record->id;
  job->cost = roster_cost(record->size);
  job->chain = (struct span){job->text, call->chain_length};
  job->target = (struct span){job->chain.p + job->chain.n, call->target_length};
  job->arguments = (struct span){job->target.p + job->target.n, call->arguments_length};
  return job;
}

static void run_next(struct runtime *rt) {
  struct list *node = rt->job ? NULL : list_pop(&rt->jobs);
  if (!node) return;
  struct job *job = rt->job = job_of(node);
  roster_begin(rt->options->roster, rt->seat, job->cost);
  size_t limit = alloc_unbind(&rt->alloc); // nothing catches an error on the new task's stack
  struct task *t = task_new(rt, job->from ? "askWorker" : "callWorker", on_done, job);
  job->task = t;
  t->is_patient = rt->options->name != NULL;
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->calls[job->from ? CALL_ASKED : CALL_CALLED]);
  lua_pushstring(t->co, job->target.p);
  lua_pushlightuserdata(t->co, job);
  rt->alloc.limit = limit;
  task_defer(rt, t);
}

void job_on_call(struct runtime *rt, const struct record *record) {
  runtime_take_share(rt);
  list_push(&rt->jobs, &copy_record(record)->node);
  if (rt->phase != PHASE_RUNNING)
    job_drop_waiting(rt, "it is ending");
  else
    run_next(rt);
}

void job_on_kill(struct runtime *rt) {
  job_drop_waiting(rt, "it was killed");
  rt->is_killed = true;
  if (!rt->job) runtime_retire(rt);
}

bool job_is_there(const struct runtime *rt) {
  return rt->job || !list_empty(&rt->jobs);
}

bool job_is_current(const struct runtime *rt, struct span *chain) {
  if (!rt->job || rt->job->task != rt->current) return false;
  *chain = rt->job->chain;
  return true;
}

// Answers ---------------------------------------------------------------------------------------

static void answer(struct roster *roster, struct job *job, enum event_answer kind,
                   struct span payload) {
  struct seat *from = job->from;
  job->from = NULL;
  if (from) roster_answer(roster, from, job->number, kind, payload);
}

static void fail(struct runtime *rt, struct job *job, const char *text) {
  answer(rt->options->roster, job, ANSWER_FAILURE, span_of(text));
}

static void end(struct runtime *rt, struct job *job, const char *why) {
  char text[ERR_TEXT_MAX];
  snprintf(text, sizeof text, "worker '%s' has not answered: %s", rt->seat->name, why);
  fail(rt, job, text);
  mem_free(job);
}

void job_drop_waiting(struct runtime *rt, const char *why) {
  unsigned lost = 0;
  for (struct list *node; (node = list_pop(&rt->jobs));) {
    struct job *job = job_of(node);
    if (!job->from) lost++;
    roster_begin(rt->options->roster, rt->seat, job->cost);
    end(rt, job, why);
  }
  if (lost > 0)
    log_warn("worker '%s': %u %s that waited for it %s dropped: %s", rt->seat->name, lost,
             lost == 1 ? "call" : "calls", lost == 1 ? "is" : "are", why);
}

void job_drop_all(struct runtime *rt, const char *why) {
  job_drop_waiting(rt, why);
  struct job *job = rt->job;
  rt->job = NULL;
  if (job) end(rt, job, why);
}

// The present one is over.
static void go_on(struct runtime *rt) {
  rt->job = NULL;
  if (rt->is_killed)
    runtime_retire(rt);
  else
    run_next(rt);
}

void job_on_closed(struct runtime *rt, const struct task *t) {
  struct job *job = rt->job;
  if (!job || job->task != t) return;
  end(rt, job, "it was interrupted");
  go_on(rt);
}

void job_refuse(struct roster *roster, const struct seat *seat, const struct record *record) {
  struct job *job = copy_record(record);
  char text[ERR_TEXT_MAX];
  snprintf(text, sizeof text, "worker '%s' has not answered: it has ended", seat->name);
  answer(roster, job, ANSWER_FAILURE, span_of(text));
  if (!job->number) log_warn("a call for worker '%s' is dropped: it has ended", seat->name);
  mem_free(job);
  roster_rest(roster);
}

// An error that got past the answering, or nobody asked. The error event is on top of rt->L.
static void tell_error(struct runtime *rt, struct job *job) {
  lua_State *L = rt->L;
  if (!job->from) {
    failure_tell_script(L);
    return;
  }
  lua_getfield(L, -1, "errors");
  lua_rawgeti(L, -1, 1);
  lua_getfield(L, -1, "message");
  fail(rt, job, lua_tostring(L, -1));
  lua_pop(L, 4);
}

static void on_done(struct runtime *rt, struct task *t, bool ok) {
  struct job *job = t->owner;
  if (!ok) tell_error(rt, job);
  mem_free(job);
  go_on(rt);
}

// For lua/luaws/calls.lua -------------------------------------------------------------------------

static struct job *check_job(lua_State *L) {
  return lua_touserdata(L, 1);
}

// takeArguments(job) -> the arguments
static int take_arguments(lua_State *L) {
  struct span arguments = check_job(L)->arguments;
  return copy_decode(L, arguments.p, arguments.n);
}

// boxError(message): xpcall's handler: keeps where the error was raised.
static int box_error(lua_State *L) {
  lua_settop(L, 1);
  vm_traceback(L, L);
  lua_createtable(L, 2, 0);
  lua_insert(L, 1);
  lua_rawseti(L, 1, BOX_TRACEBACK);
  lua_rawseti(L, 1, BOX_ERROR);
  return 1;
}

// ANSWER_FAILURE with the text on top.
static void fail_at_target(lua_State *L, struct job *job) {
  struct runtime *rt = runtime_of(L);
  lua_pushfstring(L, "%s in worker '%s': %s", job->target.p, rt->seat->name, lua_tostring(L, -1));
  fail(rt, job, lua_tostring(L, -1));
}

// The values from `first` to the top, or ANSWER_FAILURE.
static void send_values(lua_State *L, struct job *job, enum event_answer kind, int first,
                        const char *what) {
  struct runtime *rt = runtime_of(L);
  struct buf *copied = &rt->copied;
  copied->len = 0;
  if (copy_encode(L, first, lua_gettop(L) - first + 1, what, copied) == 0)
    answer(rt->options->roster, job, kind, buf_span(copied));
  else
    fail_at_target(L, job);
  runtime_relax_copied(rt);
}

// Replaces the error value on top by its text.
static void describe_error(lua_State *L) {
  struct runtime *rt = runtime_of(L);
  size_t limit = alloc_unbind(&rt->alloc);
  errorvalue_push_text(rt, L);
  lua_xmove(rt->L, L, 1);
  rt->alloc.limit = limit;
  lua_replace(L, -2);
}

// What is raised and can't be copied is described.
static void send_error(lua_State *L, struct job *job) {
  lua_settop(L, 3);
  if (!lua_istable(L, 3)) { // memory or stack have run out, before anything could be kept
    fail_at_target(L, job);
    return;
  }
  lua_rawgeti(L, 3, BOX_TRACEBACK);
  lua_rawgeti(L, 3, BOX_ERROR);
  struct buf *copied = &runtime_of(L)->copied;
  copied->len = 0;
  if (copy_encode(L, -1, 1, "error", copied) != 0) {
    lua_pop(L, 1); // why
    describe_error(L);
  }
  lua_insert(L, 4);
  send_values(L, job, ANSWER_ERROR, 4, "error");
}

// answer(job, xpcall's results)
static int send_answer(lua_State *L) {
  struct job *job = check_job(L);
  if (lua_toboolean(L, 2))
    send_values(L, job, ANSWER_RESULTS, 3, "result");
  else
    send_error(L, job);
  return 0;
}

void job_open(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"takeArguments", take_arguments},
                                       {"boxError", box_error},
                                       {"answer", send_answer},
                                       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
