// luaws.after, luaws.every, and the timers that they return. Runs in the Lua thread.

#include <lauxlib.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/failure.h"
#include "script/lib.h"
#include "script/object.h"
#include "script/task.h"
#include "script/trial.h"
#include "script/wait.h"

enum { TIMER_FUNCTION = 1, TIMER_USER_VALUES = 1 };

struct timer {
  struct object object;
  struct list node; // on runtime.timers from its start to its end
  struct deadline deadline;
  uint64_t period; // ms, 0: once
  uint64_t due;    // ms
  int ref;         // keeps the userdata alive as long; LUA_NOREF: ended
  unsigned scope;  // its calls' too
  char *place;     // where it was started, or NULL
  bool is_busy;    // a call of a repeated one has not returned
  bool is_cancelled;
};

static const struct object_class TIMER_CLASS;

static void end(struct runtime *rt, struct timer *timer) {
  if (timer->ref == LUA_NOREF) return;
  wheel_stop(&timer->deadline.timer);
  list_remove(&timer->node);
  luaL_unref(rt->L, LUA_REGISTRYINDEX, timer->ref);
  timer->ref = LUA_NOREF;
  mem_free(timer->place);
  timer->place = NULL;
}

// The next moment of its rhythm that is still to come; those that a long call has missed are left
// out.
static void start_next(struct runtime *rt, struct timer *timer) {
  uint64_t now = runtime_clock_of(rt, timer->scope);
  timer->due += timer->period;
  if (timer->due <= now) timer->due += ((now - timer->due) / timer->period + 1) * timer->period;
  runtime_start_deadline(rt, timer->scope, &timer->deadline, timer->due);
}

// A repeated timer is not ended while it is busy, so that it still exists here.
static void on_done(struct runtime *rt, struct task *t, bool ok) {
  struct timer *timer = t->owner;
  if (!ok) failure_tell_script(rt->L);
  timer->is_busy = false;
  if (timer->is_cancelled)
    end(rt, timer);
  else
    start_next(rt, timer);
}

static void on_due(struct runtime *rt, struct deadline *d) {
  struct timer *timer = LIST_ENTRY(d, struct timer, deadline);
  bool is_repeated = timer->period > 0;
  struct task *t = task_new(rt, "timer", is_repeated ? on_done : task_done_alone, timer);
  t->scope = timer->scope;
  t->place = mem_dup_string(timer->place);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, timer->ref);
  lua_getiuservalue(t->co, -1, TIMER_FUNCTION);
  lua_insert(t->co, -2);
  timer->is_busy = is_repeated;
  if (!is_repeated) end(rt, timer);
  task_run(rt, t);
}

static int start(lua_State *L, const char *what, uint64_t ms, uint64_t period) {
  if (!lua_isfunction(L, 2))
    return args_error(L, "%s: expected a function, got %s", what, args_describe(L, 2));
  struct runtime *rt = runtime_of(L);
  struct timer *timer = object_new(L, &TIMER_CLASS, sizeof *timer, TIMER_USER_VALUES);
  list_init(&timer->node);
  runtime_deadline_init(&timer->deadline, on_due);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, TIMER_FUNCTION);
  lua_pushvalue(L, -1);
  timer->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  timer->period = period;
  timer->scope = task_scope(rt);
  timer->place = args_copy_place(L);
  timer->due = runtime_due(rt, timer->scope, ms);
  runtime_start_deadline(rt, timer->scope, &timer->deadline, timer->due);
  list_push(&rt->timers, &timer->node);
  return 1;
}

// luaws.after(seconds, f) -> timer
static int after(lua_State *L) {
  return start(L, "luaws.after", wait_check_seconds(L, 1, "luaws.after"), 0);
}

// luaws.every(seconds, f) -> timer
static int every(lua_State *L) {
  uint64_t period = wait_check_seconds(L, 1, "luaws.every");
  if (period == 0) return args_error(L, "luaws.every: the seconds must be more than 0");
  return start(L, "luaws.every", period, period);
}

// timer:cancel()
static int cancel(lua_State *L) {
  struct timer *timer = object_self(L, &TIMER_CLASS, "cancel");
  timer->is_cancelled = true;
  if (!timer->is_busy) end(runtime_of(L), timer);
  return 0;
}

void lib_timer_list(struct runtime *rt, unsigned scope, lua_State *L) {
  for (struct list *i = rt->timers.next; i != &rt->timers; i = i->next) {
    const struct timer *timer = LIST_ENTRY(i, struct timer, node);
    if (timer->scope == scope && timer->period > 0) trial_add(L, "timer", timer->place, NULL);
  }
}

static void describe(lua_State *L, void *self) {
  const struct timer *timer = self;
  lua_pushfstring(L, "Timer: %s", timer->ref == LUA_NOREF ? "ended" : "running");
}

static const luaL_Reg METHODS[] = {{"cancel", cancel}, {NULL, NULL}};
static const struct object_property PROPERTIES[] = {{NULL, NULL}};

static const struct object_class TIMER_CLASS = {
    .name = "Timer", .methods = METHODS, .properties = PROPERTIES, .describe = describe};

void lib_timer_end_all(struct runtime *rt) {
  while (!list_empty(&rt->timers))
    end(rt, LIST_ENTRY(rt->timers.next, struct timer, node));
}

void lib_timer_end_scope(struct runtime *rt, unsigned scope) {
  for (struct list *i = rt->timers.next, *next; i != &rt->timers; i = next) {
    next = i->next;
    struct timer *timer = LIST_ENTRY(i, struct timer, node);
    if (timer->scope == scope) end(rt, timer);
  }
}

void lib_timer_map(struct runtime *rt, unsigned scope, lua_State *L, void (*map)(lua_State *L)) {
  for (struct list *i = rt->timers.next; i != &rt->timers; i = i->next) {
    const struct timer *timer = LIST_ENTRY(i, struct timer, node);
    if (timer->scope != scope) continue;
    lua_rawgeti(L, LUA_REGISTRYINDEX, timer->ref);
    lua_getiuservalue(L, -1, TIMER_FUNCTION);
    map(L);
    lua_setiuservalue(L, -2, TIMER_FUNCTION);
    lua_pop(L, 1);
  }
}

void lib_timer_open(lua_State *L) {
  object_open(L, &TIMER_CLASS);
  lua_pushcfunction(L, after);
  lua_setfield(L, -2, "after");
  lua_pushcfunction(L, every);
  lua_setfield(L, -2, "every");
}
