// Budgets: what the watchdog's signal leads to. Runs in the Lua thread; on_signal in the middle of
// it.

#include "script/budget.h"

#include <lauxlib.h>
#include <string.h>
#include "base/err.h"
#include "mailbox/config.h"
#include "script/connection.h"
#include "script/console.h"
#include "script/failure.h"
#include "script/runtime.h"
#include "script/task.h"
#include "script/trial.h"
#include "script/vm.h"
#include "script/wait.h"
#include "script/wss.h"

enum {
  AGAIN_MS = 200,  // until the next signal to a script that has been interrupted and still runs
  HURRY_MS = 1000, // that anything may compute for when all is to end
  GRACE_COUNT = 1000,
  GRACE = 10, // times that many instructions
};

#define INTERRUPTED ": interrupted"

static void on_hook(lua_State *L, lua_Debug *ar);

static struct budget *budget_of(lua_State *L) {
  return &runtime_of(L)->budget;
}

static uint32_t stretch_of(const struct budget *b) {
  return atomic_load_explicit(&b->watched.stretch, memory_order_relaxed);
}

static void change_stretch(struct budget *b, uint32_t by) {
  atomic_store_explicit(&b->watched.stretch, stretch_of(b) + by, memory_order_relaxed);
}

// Also called by the signal's handler: lua_sethook is made for that.
static void set_hook(struct budget *b, lua_State *L, int count) {
  lua_Hook other = lua_gethook(L);
  if (other != on_hook) {
    b->hooked = L;
    b->other = other;
    b->other_mask = lua_gethookmask(L);
    b->other_count = lua_gethookcount(L);
  }
  lua_sethook(L, on_hook, LUA_MASKCOUNT, count);
}

static void remove_hook(struct budget *b, lua_State *L) {
  if (b->hooked == L)
    lua_sethook(L, b->other, b->other_mask, b->other_count);
  else
    lua_sethook(L, NULL, 0, 0);
}

// When the watchdog is to signal next in this stretch.
static void answer(struct budget *b, uint64_t due) {
  if (due > WATCHDOG_NEVER) due = WATCHDOG_NEVER;
  atomic_store(&b->watched.answer, (uint64_t)stretch_of(b) << 32 | due);
}

static bool is_hurried(const struct runtime *rt) {
  return atomic_load_explicit(&rt->options->pool->is_hurried, memory_order_relaxed);
}

// A call in a worker that is there for what takes long, unless somebody is served by it.
static bool is_left_alone(const struct runtime *rt, const struct task *t) {
  return t && t->is_patient && list_empty(&rt->wsses) && !is_hurried(rt);
}

static void on_signal(struct watched *w) {
  struct budget *b = (struct budget *)w;
  const struct runtime *rt = (struct runtime *)((char *)b - offsetof(struct runtime, budget));
  const struct task *t = budget_task(rt);
  if (is_left_alone(rt, t)) {
    answer(b, WATCHDOG_NEVER);
    return;
  }
  atomic_store_explicit(&w->what, t ? t->what : NULL, memory_order_relaxed);
  atomic_store_explicit(&w->connection, t && t->link ? t->link->id : 0, memory_order_relaxed);
  if (atomic_load(&w->order) >> 32 == stretch_of(b)) set_hook(b, b->running, 1);
}

void budget_init(struct runtime *rt) {
  rt->budget.watched.on_signal = on_signal;
  watchdog_add(rt->options->watchdog, &rt->budget.watched);
}

void budget_deinit(struct runtime *rt) {
  watchdog_remove(&rt->budget.watched);
}

static void begin(struct budget *b, struct budget_span *outer, struct budget_span inner) {
  *outer = (struct budget_span){b->running, b->closing, b->limit, stretch_of(b) & 1};
  b->running = inner.running;
  b->closing = inner.closing;
  b->limit = inner.limit;
  atomic_signal_fence(memory_order_seq_cst);
  change_stretch(b, outer->is_inner ? 2 : 1);
}

void budget_begin(struct runtime *rt, lua_State *L, uint32_t ms, struct budget_span *outer) {
  if (ms > 0) budget_note_limit(rt, ms);
  begin(&rt->budget, outer,
        (struct budget_span){.running = L, .limit = ms > 0 ? ms : WATCHDOG_NEVER});
}

void budget_begin_closing(struct runtime *rt, const struct task *t, struct budget_span *outer) {
  begin(&rt->budget, outer, (struct budget_span){.running = t->co, .closing = t});
}

bool budget_end(struct runtime *rt, const struct budget_span *outer) {
  struct budget *b = &rt->budget;
  bool is_interrupted = b->interrupts > 0;
  change_stretch(b, outer->is_inner ? 2 : 1);
  b->running = outer->running;
  b->closing = outer->closing;
  b->limit = outer->limit;
  b->interrupts = 0;
  return is_interrupted;
}

const struct task *budget_task(const struct runtime *rt) {
  return rt->budget.closing ? rt->budget.closing : rt->current;
}

void budget_restart(struct runtime *rt, uint32_t ms) {
  struct budget *b = &rt->budget;
  if (!rt->current) return;
  rt->current->limit = ms;
  if (ms > 0) budget_note_limit(rt, ms);
  b->interrupts = 0;
  change_stretch(b, 2);
}

void budget_note_limit(struct runtime *rt, uint64_t ms) {
  struct watched *w = &rt->budget.watched;
  if (ms < atomic_load_explicit(&w->first, memory_order_relaxed))
    atomic_store_explicit(&w->first, (uint32_t)ms, memory_order_relaxed);
}

void budget_end_line(struct runtime *rt, uint64_t session) {
  atomic_store(&rt->budget.ended, session + 1);
  watchdog_call(&rt->budget.watched);
}

void budget_switch(struct runtime *rt, lua_State *co) {
  struct budget *b = &rt->budget;
  b->running = co;
  if (b->interrupts > 0) set_hook(b, co, b->grace > 0 ? GRACE_COUNT : 1);
}

void budget_settle(struct runtime *rt, struct task *t, int status) {
  struct budget *b = &rt->budget;
  b->interrupts = 0;
  bool has_failed = status != LUA_OK && status != LUA_YIELD;
  t->is_spent = has_failed;
  const char *message = has_failed ? lua_tostring(t->co, -1) : NULL;
  if (message && strstr(message, INTERRUPTED))
    t->error_code = ERR_CODE_INTERRUPTED;
  else if (!console_has_line(t)) // who has typed it is told
    failure_warn_caught(rt);
}

// The hook ---------------------------------------------------------------------------------------

// How long what runs may compute: ms, 0: as long as it likes.
static uint64_t find_limit(struct runtime *rt, const char **name) {
  const struct task *t = budget_task(rt);
  *name = "";
  if (rt->budget.limit > 0) return rt->budget.limit == WATCHDOG_NEVER ? 0 : rt->budget.limit;
  if (!t) return 0;
  if (t->limit > 0) return t->limit;
  bool has_server = t->link && link_kind(t->link)->has_server;
  const struct wss *wss = has_server ? connection_of(t->link)->wss : t->wss;
  uint64_t timeout = wss ? wss->config->handler_timeout : CONFIG_NONE;
  if (timeout != CONFIG_NONE) {
    *name = " (handlerTimeout)";
    return timeout;
  }
  *name = rt->trial ? " (luaws test --timeout)" : " (with --watch)";
  if (rt->trial) return trial_limit(rt, t);
  return rt->options->watch && !wss && !t->is_patient ? BUDGET_WATCH_MS : 0;
}

// `limit`: 0 when somebody has wanted it.
static int interrupt(struct runtime *rt, lua_State *L, lua_Debug *ar, uint64_t limit,
                     const char *name) {
  struct budget *b = &rt->budget;
  if (b->interrupts++ == 0) b->grace = GRACE;
  set_hook(b, L, b->grace > 0 ? GRACE_COUNT : 1);
  size_t cap = rt->alloc.limit;
  alloc_bind(&rt->alloc, false);
  lua_getinfo(L, "Sl", ar);
  if (limit > 0)
    lua_pushfstring(L, "%s:%d" INTERRUPTED ": it may compute for %f s%s", ar->short_src,
                    ar->currentline, (lua_Number)limit / 1000, name);
  else
    lua_pushfstring(L, "%s:%d" INTERRUPTED, ar->short_src, ar->currentline);
  rt->alloc.limit = cap;
  return lua_error(L);
}

// Nobody waits for luaws's own commands, or for -e alone.
static void warn(struct runtime *rt, lua_State *L, uint64_t elapsed) {
  if (rt->current && rt->current->is_main && !rt->options->script) return;
  size_t cap = rt->alloc.limit;
  alloc_bind(&rt->alloc, false);
  failure_warn_busy(rt, L, elapsed);
  rt->alloc.limit = cap;
}

// busted itself is left alone: it has no limit, and isn't in a worker by name.
static bool is_overdue(const struct runtime *rt, uint64_t limit, uint64_t elapsed) {
  return is_hurried(rt) && (limit > 0 || rt->options->name) && elapsed >= HURRY_MS;
}

// A hook that has been left on a coroutine by an earlier stretch removes itself.
static void on_hook(lua_State *L, lua_Debug *ar) {
  struct budget *b = budget_of(L);
  struct runtime *rt = runtime_of(L);
  uint64_t order = atomic_load(&b->watched.order);
  uint32_t stretch = stretch_of(b);
  if (!(stretch & 1) || order >> 32 != stretch) {
    remove_hook(b, L);
    return;
  }
  uint64_t elapsed = (uint32_t)order;
  const char *name;
  uint64_t limit = find_limit(rt, &name);
  bool is_ended = console_is_ended(rt) || is_overdue(rt, limit, elapsed);
  if (is_ended) limit = 0;
  if (is_ended || (limit > 0 && elapsed >= limit)) {
    answer(b, elapsed + AGAIN_MS);
    if (b->interrupts > 0 && b->grace > 0)
      b->grace--;
    else
      interrupt(rt, L, ar, limit, name);
    return;
  }
  remove_hook(b, L);
  if (elapsed >= WATCHDOG_WARN_MS && b->warned != stretch) {
    b->warned = stretch;
    warn(rt, L, elapsed);
  }
  uint64_t due = limit > 0 ? limit : WATCHDOG_NEVER;
  if (is_hurried(rt) && due > HURRY_MS) due = HURRY_MS;
  if (b->warned != stretch && due > WATCHDOG_WARN_MS) due = WATCHDOG_WARN_MS;
  answer(b, due);
}

// For luaws's own Lua code ------------------------------------------------------------------------

// budget(seconds or nil)
static int restart(lua_State *L) {
  uint64_t ms = lua_isnoneornil(L, 1) ? 0 : wait_check_seconds(L, 1, "luaws.budget");
  budget_restart(runtime_of(L), ms < WATCHDOG_NEVER ? (uint32_t)ms : 0);
  return 0;
}

static int open_budget(lua_State *L) {
  lua_pushcfunction(L, restart);
  return 1;
}

void budget_preload(lua_State *L) {
  vm_preload(L, "luaws.budget", open_budget);
}
