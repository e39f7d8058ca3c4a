// Tasks. The loop's top is the one place that resumes them, and lua_resume the one call into a
// script. Runs in the Lua thread.

#include "script/task.h"

#include <assert.h>
#include <lauxlib.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/failure.h"
#include "script/job.h"
#include "script/trial.h"
#include "script/vm.h"
#include "script/wait.h"

enum {
  IDLE_MAX = 1024, // coroutines kept for reuse
  ROOM = 2048,     // bytes that a new one takes, with its first values
};

static void on_due(struct runtime *rt, struct deadline *d);
static void on_end_due(struct runtime *rt, struct deadline *d);
static void fail(struct runtime *rt, struct task *t, enum failure_kind kind);
static bool close_stack(struct runtime *rt, struct task *t);
static void forget_place(struct task *t);
static void recycle(struct runtime *rt, struct task *t);
static void discard(struct runtime *rt, struct task *t);

struct task *task_new(struct runtime *rt, const char *what,
                      void (*on_done)(struct runtime *rt, struct task *t, bool ok), void *owner) {
  struct task *t = rt->idle;
  if (t) {
    rt->idle = t->next;
    rt->idle_count--;
  } else {
    t = mem_zalloc(sizeof *t);
    // On the host's stack no error may be raised, also while a task runs.
    size_t limit = alloc_unbind(&rt->alloc);
    t->co = lua_newthread(rt->L);
    t->ref = luaL_ref(rt->L, LUA_REGISTRYINDEX);
    rt->alloc.limit = limit;
    list_init(&t->node);
    list_init(&t->turn);
    runtime_deadline_init(&t->due, on_due);
    runtime_deadline_init(&t->end, on_end_due);
  }
  t->what = what;
  t->on_done = on_done;
  t->owner = owner;
  t->link = NULL;
  t->wss = NULL;
  t->waiter = NULL;
  t->scope = SCOPE_NONE;
  t->place = rt->current ? args_copy_place(rt->budget.running) : NULL;
  t->limit = 0;
  t->text = NULL;
  t->started = rt->now;
  t->error_code = 0;
  t->state = TASK_FRESH;
  t->is_main = false;
  t->is_refused = false;
  t->is_cancelled = false;
  t->is_patient = false;
  t->is_called_off = false;
  t->is_interrupted = false;
  t->is_served = false;
  t->is_spent = false;
  if (rt->trial) trial_adopt(rt, t->co);
  return t;
}

// A task that is idle is made of what has been counted already, or there are few of them.
void task_check_room(lua_State *L) {
  lua_newuserdatauv(L, ROOM, 0);
  lua_pop(L, 1);
}

// On the task's own stack nothing would catch an error.
void task_take(struct runtime *rt, struct task *t, lua_State *L, int count) {
  if (!lua_checkstack(t->co, count)) {
    discard(rt, t);
    lua_pushliteral(L, "not enough memory"); // as Lua says it, which has this string already
    lua_error(L);
  }
  lua_xmove(L, t->co, count);
}

// It waits: for a moment, for somebody's `done`, or only for its next turn.
static void park(struct runtime *rt, struct task *t) {
  bool is_ready = t->state == TASK_SLEEPING && !wheel_is_running(&t->due.timer);
  list_push(is_ready ? &rt->ready : &rt->waiting, &t->node);
}

void task_run(struct runtime *rt, struct task *t) {
  assert(!rt->current && rt->phase != PHASE_ENDED);
  int arguments = t->state == TASK_FRESH ? lua_gettop(t->co) - 1 : 0;
  int results;
  t->state = TASK_RUNNING;
  rt->current = t;
  alloc_bind(&rt->alloc, true);
  budget_start(&rt->budget, t->co);
  int status = lua_resume(t->co, rt->L, arguments, &results);
  bool is_interrupted = budget_stop(&rt->budget);
  alloc_bind(&rt->alloc, false);
  if (is_interrupted) budget_settle(rt, t, status);
  rt->current = NULL;
  if (status == LUA_OK) {
    t->on_done(rt, t, true);
    if (lua_gettop(t->co) > 0) lua_settop(t->co, 0);
    recycle(rt, t);
  } else if (status != LUA_YIELD) {
    fail(rt, t, FAILURE_RAISED);
  } else if (t->state == TASK_RUNNING) {
    fail(rt, t, FAILURE_YIELDED);
  } else {
    park(rt, t);
  }
}

// For want of memory nothing may go wrong: the task would never be given back.
static void push_failure(struct runtime *rt, lua_State *L, struct task *t, int status) {
  size_t limit = alloc_unbind(&rt->alloc);
  if (status == LUA_YIELD) {
    lua_settop(t->co, 0);
    lua_pushliteral(L, "coroutine.yield at the top level of a script, outside a coroutine");
  } else {
    lua_xmove(t->co, L, 1);
  }
  vm_traceback(L, t->co);
  rt->alloc.limit = limit;
  if (close_stack(rt, t)) lua_pop(rt->L, 1);
}

bool task_run_inside(struct runtime *rt, struct task *t, lua_State *L, uint32_t ms) {
  struct task *outer = rt->current;
  int results;
  struct budget_span span;
  t->state = TASK_RUNNING;
  rt->current = t;
  budget_begin(rt, t->co, ms, &span);
  int status = lua_resume(t->co, L, lua_gettop(t->co) - 1, &results);
  t->is_spent = budget_end(rt, &span);
  rt->current = outer;
  bool ok = status == LUA_OK;
  if (ok)
    lua_settop(t->co, 0);
  else
    push_failure(rt, L, t, status);
  recycle(rt, t);
  return ok;
}

void task_defer(struct runtime *rt, struct task *t) {
  list_push(&rt->ready, &t->node);
}

void task_run_ready(struct runtime *rt) {
  if (list_empty(&rt->ready)) return;
  list_splice(&rt->turn, &rt->ready);
  for (struct list *node; (node = list_pop(&rt->turn));)
    task_run(rt, LIST_ENTRY(node, struct task, node));
}

void task_wake(struct runtime *rt, struct task *t) {
  wheel_stop(&t->due.timer);
  list_remove(&t->node);
  list_push(&rt->ready, &t->node);
}

void task_cancel(struct runtime *rt, struct task *t) {
  t->is_cancelled = true;
  if (task_is_waiting(t)) task_wake(rt, t);
}

void task_cancel_at(struct runtime *rt, struct task *t, uint64_t due) {
  runtime_start_deadline(rt, t->scope, &t->end, due);
}

void task_interrupt(struct runtime *rt, struct task *t) {
  t->is_interrupted = true;
  if (t->state == TASK_SLEEPING || t->state == TASK_LISTENING) task_wake(rt, t);
}

void task_listen(struct runtime *rt, struct task *t, struct list *list, uint64_t due) {
  t->state = TASK_LISTENING;
  list_push(list, &t->turn);
  if (due != CONFIG_NONE) runtime_start_deadline(rt, t->scope, &t->due, due);
}

bool task_serve(struct runtime *rt, struct list *list) {
  struct list *first = list_pop(list);
  if (!first) return false;
  struct task *t = LIST_ENTRY(first, struct task, turn);
  t->is_served = true;
  task_wake(rt, t);
  return true;
}

bool task_was_served(struct task *t) {
  bool is_served = t->is_served;
  t->is_served = false;
  list_remove(&t->turn);
  return is_served;
}

// What a __close method spawns is closed in its turn.
void task_kill_all(struct runtime *rt) {
  for (struct list *node; (node = list_pop(&rt->waiting)) || (node = list_pop(&rt->ready));) {
    struct task *t = LIST_ENTRY(node, struct task, node);
    if (t->waiter) wait_forget(t->waiter);
    discard(rt, t);
  }
}

static bool is_in_scope(const struct task *t, unsigned scope) {
  return t->scope == scope && !t->link && !t->wss;
}

// What a __close method spawns has no scope: no task is running.
void task_kill_scope(struct runtime *rt, unsigned scope) {
  struct list *all[] = {&rt->turn, &rt->ready, &rt->waiting}, found;
  list_init(&found);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    for (struct list *node = all[i]->next, *next; node != all[i]; node = next) {
      next = node->next;
      if (!is_in_scope(LIST_ENTRY(node, struct task, node), scope)) continue;
      list_remove(node);
      list_push(&found, node);
    }
  }
  for (struct list *node; (node = list_pop(&found));) {
    struct task *t = LIST_ENTRY(node, struct task, node);
    if (t->waiter) wait_forget(t->waiter);
    job_on_closed(rt, t);
    discard(rt, t);
  }
}

void task_list(struct runtime *rt, unsigned scope, lua_State *L) {
  const struct list *all[] = {&rt->turn, &rt->ready, &rt->waiting};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    for (struct list *node = all[i]->next; node != all[i]; node = node->next) {
      const struct task *t = LIST_ENTRY(node, struct task, node);
      if (is_in_scope(t, scope)) trial_add(L, t->what, t->place, t->co);
    }
  }
}

void task_cancel_callbacks(struct runtime *rt, lua_State *L) {
  for (struct list *node = rt->waiting.next, *next; node != &rt->waiting; node = next) {
    next = node->next;
    struct task *t = LIST_ENTRY(node, struct task, node);
    if (!t->link && !t->wss) continue;
    trial_add(L, t->what, t->place, t->co);
    task_cancel(rt, t);
  }
}

void task_map_stack(struct task *t, lua_State *L, void (*map)(lua_State *L)) {
  lua_State *co = t->co;
  int top = lua_gettop(co);
  for (int i = 1; i <= top; i++) {
    lua_pushvalue(co, i);
    lua_xmove(co, L, 1);
    map(L);
    lua_xmove(L, co, 1);
    lua_replace(co, i);
  }
}

void task_map(struct runtime *rt, unsigned scope, lua_State *L, void (*map)(lua_State *L)) {
  for (struct list *i = rt->ready.next; i != &rt->ready; i = i->next) {
    struct task *ready = LIST_ENTRY(i, struct task, node);
    if (ready->state == TASK_FRESH && is_in_scope(ready, scope)) task_map_stack(ready, L, map);
  }
}

void task_drop(struct runtime *rt, struct task *t) {
  list_remove(&t->node);
  discard(rt, t);
}

void task_deinit_idle(struct runtime *rt) {
  while (rt->idle) {
    struct task *t = rt->idle;
    rt->idle = t->next;
    discard(rt, t);
  }
}

void task_done_alone(struct runtime *rt, struct task *t, bool ok) {
  (void)t;
  if (!ok) failure_tell_script(rt->L);
}

static void on_due(struct runtime *rt, struct deadline *d) {
  struct task *t = LIST_ENTRY(d, struct task, due);
  list_remove(&t->node);
  task_run(rt, t);
}

static void on_end_due(struct runtime *rt, struct deadline *d) {
  task_cancel(rt, LIST_ENTRY(d, struct task, end));
}

// Empties the stack, which runs the __close methods in it; they can't wait. True: one of them has
// raised an error of its own, whose event is on top of rt->L.
static bool close_stack(struct runtime *rt, struct task *t) {
  const void *before = lua_gettop(t->co) > 0 ? lua_topointer(t->co, -1) : NULL;
  size_t limit = alloc_unbind(&rt->alloc); // a task may be running
  struct budget_span outer;
  budget_begin_closing(rt, t, &outer);
  alloc_bind(&rt->alloc, true);
  int status = lua_resetthread(t->co);
  alloc_bind(&rt->alloc, false);
  bool is_interrupted = budget_end(rt, &outer);
  bool has_failed = status != LUA_OK && lua_topointer(t->co, -1) != before;
  if (is_interrupted) t->is_spent = true;
  if (has_failed) {
    t->is_cancelled = false;
    t->error_code = is_interrupted ? ERR_CODE_INTERRUPTED : 0;
    failure_push_closing(rt, t);
  }
  rt->alloc.limit = limit;
  lua_settop(t->co, 0);
  return has_failed;
}

// The event on top of L is another one's that lies below it: takes the former.
static void join_events(lua_State *L) {
  lua_getfield(L, -1, "errors");
  lua_rawgeti(L, -1, 1);
  lua_getfield(L, -4, "errors");
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 3);
}

// The stack is still as it was when the error was raised, or at the yield.
static void fail(struct runtime *rt, struct task *t, enum failure_kind kind) {
  failure_push_task(rt, t, kind);
  if (close_stack(rt, t)) join_events(rt->L);
  t->on_done(rt, t, false);
  recycle(rt, t);
}

static void forget_place(struct task *t) {
  mem_free(t->place);
  t->place = NULL;
}

static void recycle(struct runtime *rt, struct task *t) {
  wheel_stop(&t->end.timer);
  forget_place(t);
  if (rt->idle_count >= IDLE_MAX || t->is_spent) {
    discard(rt, t);
    return;
  }
  t->next = rt->idle;
  rt->idle = t;
  rt->idle_count++;
}

static void discard(struct runtime *rt, struct task *t) {
  wheel_stop(&t->due.timer);
  wheel_stop(&t->end.timer);
  list_remove(&t->turn);
  if (close_stack(rt, t)) lua_pop(rt->L, 1);
  forget_place(t);
  luaL_unref(rt->L, LUA_REGISTRYINDEX, t->ref);
  mem_free(t);
}
