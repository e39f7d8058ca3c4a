// The callbacks of one link, one after the other: each event becomes a task; while one runs
// or waits, the next ones are held. Runs in the Lua thread, at the top of the loop.

#include "script/link.h"

#include <string.h>
#include "base/mem.h"
#include "script/datatype.h"
#include "script/failure.h"
#include "script/json.h"
#include "script/task.h"
#include "script/vm.h"
#include "script/wired.h"

// A record that waits, copied out of its block. Bounded by the credit window.
struct held {
  struct held *next;
  _Alignas(struct record) unsigned char record[];
};

static void deliver(struct runtime *rt, struct link *link, const struct record *record);
static void advance(struct runtime *rt, struct link *link);
static void hold(struct link *link, const struct record *record);
static void on_message_done(struct runtime *rt, struct task *t, bool ok);
static void on_callback_done(struct runtime *rt, struct task *t, bool ok);
static void on_error_done(struct runtime *rt, struct task *t, bool ok);
static void on_terminate_done(struct runtime *rt, struct task *t, bool ok);
static void on_last_error_done(struct runtime *rt, struct task *t, bool ok);

static unsigned scope_of(const struct runtime *rt, const struct link *link) {
  if (link_is_wired(rt, link)) return SCOPE_WIRED;
  return link_kind(link)->scope ? link_kind(link)->scope(link) : SCOPE_NONE;
}

// A task for a callback: on its stack wait the call, the connection and its handler for the event.
static struct task *begin(struct runtime *rt, struct link *link, enum call call, const char *what,
                          void (*on_done)(struct runtime *, struct task *, bool)) {
  struct task *t = task_new(rt, what, on_done, NULL);
  t->link = link;
  link->task = t;
  t->scope = scope_of(rt, link);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->calls[call]);
  link_push(t->co, link);
  lua_getiuservalue(t->co, -1, LINK_HANDLER);
  return t;
}

// When a closeTimeout that begins now is over.
static uint64_t due_after_close(struct runtime *rt, const struct link *link) {
  uint64_t timeout = link_kind(link)->config(link)->close_timeout;
  if (timeout == CONFIG_NONE) return CONFIG_NONE;
  return runtime_clock_of(rt, scope_of(rt, link)) + timeout;
}

// After the connection's end its callbacks have what is left of closeTimeout.
static void limit(struct runtime *rt, struct link *link, struct task *t) {
  if (!link->has_ended) return;
  t->is_interrupted = true;
  uint64_t due = link->queue ? link->queue->cancel_due : due_after_close(rt, link);
  if (due != CONFIG_NONE) task_cancel_at(rt, t, due);
}

static void push_plain_event(lua_State *L, const char *type) {
  lua_createtable(L, 0, 1);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "type");
}

void link_start_open(struct runtime *rt, struct link *link, unsigned attempt) {
  struct task *t = begin(rt, link, CALL_OPEN, "onOpen", on_callback_done);
  push_plain_event(t->co, "open");
  if (attempt > 0) {
    lua_pushinteger(t->co, (lua_Integer)attempt);
    lua_setfield(t->co, -2, "attempt");
  }
  limit(rt, link, t);
  task_run(rt, t);
  // The link may be gone by now.
}

// Messages ---------------------------------------------------------------------------------------

// To its onError.
static void tell_error(struct runtime *rt, struct link *link,
                       void (*on_done)(struct runtime *, struct task *, bool)) {
  struct task *t = begin(rt, link, link_kind(link)->error, "onError", on_done);
  lua_xmove(rt->L, t->co, 1);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->module);
  limit(rt, link, t);
  task_run(rt, t);
}

// An error that doesn't end the link, its event on top of the main stack: a connection's onError
// hears of it, with `on_done`; for a client, whose onError is for what ends it, luaws.onError does.
// True when a callback has been started: with what follows it, the link may be gone.
static bool tell_fault(struct runtime *rt, struct link *link,
                       void (*on_done)(struct runtime *, struct task *, bool)) {
  bool has_server = link_kind(link)->has_server;
  if (has_server)
    tell_error(rt, link, on_done);
  else
    failure_tell_script(rt->L);
  return has_server;
}

// The reason is at the top of the main stack.
static void tell_bad_json(struct runtime *rt, struct link *link) {
  char why[ERR_TEXT_MAX];
  strncpy(why, lua_tostring(rt->L, -1), sizeof why - 1);
  why[sizeof why - 1] = '\0';
  lua_pop(rt->L, 1);
  struct err e;
  err_set(&e, ERR_LUAW, ERR_CODE_BAD_JSON, "a message is no JSON: %s", why);
  failure_push(rt->L, &e, link_kind(link)->level, link, NULL);
  tell_fault(rt, link, on_error_done);
}

// A message of `length` bytes can't be decoded.
static void tell_no_memory(struct runtime *rt, struct link *link, size_t length) {
  struct err why, e;
  failure_set_memory(rt, &why);
  err_set(&e, why.component, why.code, "a message of %zu bytes: %s", length, why.text);
  vm_collect(rt);
  failure_push(rt->L, &e, LOG_WARN, link, NULL);
  tell_fault(rt, link, on_error_done);
}

// Values may take many times the room of their text, which peers choose: the cap binds as in the
// script.
static int decode(lua_State *L) {
  const struct span *text = lua_touserdata(L, 1);
  bool ok = json_decode(L, text->p, text->n);
  lua_pushboolean(L, ok);
  return 2;
}

// Leaves the value on top of the main stack; or says why it isn't there, and false.
static bool push_decoded(struct runtime *rt, struct link *link, struct span text) {
  lua_State *L = rt->L;
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &text);
  alloc_bind(&rt->alloc, true);
  int status = lua_pcall(L, 1, 2, 0);
  alloc_bind(&rt->alloc, false);
  if (status != LUA_OK) {
    lua_pop(L, 1);
    tell_no_memory(rt, link, text.n);
    return false;
  }
  bool ok = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (!ok) tell_bad_json(rt, link);
  return ok;
}

// The event without its data: calls.lua puts that in, at a lower price than lua_setfield's.
static void push_message_event(struct runtime *rt, lua_State *co, bool is_binary) {
  lua_createtable(co, 0, is_binary ? 2 : 1);
  if (is_binary) {
    lua_pushboolean(co, 1);
    lua_setfield(co, -2, "isBinary");
  }
  lua_rawgeti(co, LUA_REGISTRYINDEX, rt->message_events);
  lua_setmetatable(co, -2);
}

static void start_message(struct runtime *rt, struct link *link, const struct record *record) {
  const char *data = (const char *)record->payload;
  uint32_t cost = EVENT_COST(record->length);
  bool is_object = link->data == DATATYPE_OBJECT;
  if (is_object && !push_decoded(rt, link, (struct span){data, record->length})) {
    link_credit(rt, link, cost);
    return;
  }
  struct task *t = begin(rt, link, CALL_MESSAGE, "onMessage", on_message_done);
  t->owner = (void *)(uintptr_t)cost;
  bool is_binary = record->flags & EVENT_BINARY;
  push_message_event(rt, t->co, is_binary);
  if (is_object) {
    lua_xmove(rt->L, t->co, 1);
  } else {
    const char *string = lua_pushlstring(t->co, data, record->length);
    if (!is_binary) t->text = string; // calls.lua keeps it until the callback has returned
  }
  limit(rt, link, t);
  task_run(rt, t);
}

void link_on_message(struct runtime *rt, struct link *link, const struct record *record) {
  if (link->keeps)
    link_kind(link)->keep(rt, link, record);
  else if (link->task || link->queue)
    hold(link, record);
  else
    deliver(rt, link, record);
}

static void on_message_done(struct runtime *rt, struct task *t, bool ok) {
  struct link *link = t->link;
  link_credit(rt, link, (uint32_t)(uintptr_t)t->owner);
  on_callback_done(rt, t, ok);
}

static void on_callback_done(struct runtime *rt, struct task *t, bool ok) {
  struct link *link = t->link;
  link->task = NULL;
  if (!ok && tell_fault(rt, link, on_error_done)) return;
  if (link->queue) advance(rt, link);
}

// An error in onError goes to the log alone.
static void on_error_done(struct runtime *rt, struct task *t, bool ok) {
  struct link *link = t->link;
  link->task = NULL;
  if (!ok) lua_pop(rt->L, 1);
  if (link->queue) advance(rt, link);
}

static void start_drain(struct runtime *rt, struct link *link) {
  struct task *t = begin(rt, link, CALL_DRAIN, "onDrain", on_callback_done);
  push_plain_event(t->co, "drain");
  limit(rt, link, t);
  task_run(rt, t);
}

static void start_reload(struct runtime *rt, struct link *link, uint64_t generation) {
  struct task *t = begin(rt, link, CALL_RELOAD, "onReload", on_callback_done);
  push_plain_event(t->co, "reload");
  lua_pushinteger(t->co, (lua_Integer)generation);
  lua_setfield(t->co, -2, "generation");
  limit(rt, link, t);
  task_run(rt, t);
}

// The end ----------------------------------------------------------------------------------------

// Whatever its callback waits for ends with it: now, or at the latest after closeTimeout.
static void note_end(struct runtime *rt, struct link *link, const struct event_closed *closed) {
  link_unregister(rt, link);
  if (link_kind(link)->lose) link_kind(link)->lose(rt, link, closed);
  if (link->task) task_interrupt(rt, link->task);
}

static void push_terminate_event(lua_State *L, const struct event_closed *closed) {
  lua_createtable(L, 0, 4);
  lua_pushliteral(L, "terminate");
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, closed->code);
  lua_setfield(L, -2, "code");
  lua_pushboolean(L, closed->was_clean);
  lua_setfield(L, -2, "wasClean");
  if (closed->reason_length > 0) {
    lua_pushlstring(L, closed->reason, closed->reason_length);
    lua_setfield(L, -2, "reason");
  }
}

static void start_terminate(struct runtime *rt, struct link *link,
                            const struct event_closed *closed) {
  link->state = LINK_CLOSED;
  struct task *t = begin(rt, link, CALL_TERMINATE, "onTerminate", on_terminate_done);
  push_terminate_event(t->co, closed);
  link_kind(link)->end(rt, link, t->co);
  uint64_t due = due_after_close(rt, link);
  if (due != CONFIG_NONE) task_cancel_at(rt, t, due);
  task_run(rt, t);
}

static void on_terminate_done(struct runtime *rt, struct task *t, bool ok) {
  struct link *link = t->link;
  link->task = NULL;
  if (!ok && tell_fault(rt, link, on_last_error_done)) return;
  link_kind(link)->leave(rt, link);
}

static void on_last_error_done(struct runtime *rt, struct task *t, bool ok) {
  struct link *link = t->link;
  link->task = NULL;
  if (!ok) lua_pop(rt->L, 1);
  link_kind(link)->leave(rt, link);
}

// The queue --------------------------------------------------------------------------------------

void link_on_event(struct runtime *rt, struct link *link, const struct record *record) {
  const struct link_kind *kind = link_kind(link);
  if (record->type == EVENT_ERROR && kind->fail &&
      !kind->fail(link, (const struct err *)record->payload))
    return;
  if (record->type == EVENT_CLOSED)
    note_end(rt, link, (const struct event_closed *)record->payload);
  if (!link->task && !link->queue) {
    deliver(rt, link, record);
    return;
  }
  hold(link, record);
  if (record->type != EVENT_CLOSED) return;
  uint64_t due = due_after_close(rt, link);
  link->queue->cancel_due = due;
  if (link->task && due != CONFIG_NONE) task_cancel_at(rt, link->task, due);
}

static struct link_queue *need_queue(struct link *link) {
  if (link->queue) return link->queue;
  struct link_queue *q = link->queue = mem_zalloc(sizeof *q);
  list_init(&q->node);
  q->link = link;
  q->last = &q->first;
  return q;
}

static void hold(struct link *link, const struct record *record) {
  struct link_queue *q = need_queue(link);
  struct held *h = mem_alloc(sizeof *h + sizeof *record + record->length);
  memcpy(h->record, record, sizeof *record + record->length);
  h->next = NULL;
  *q->last = h;
  q->last = &h->next;
}

// What this worker itself tells a link.
static void hold_own(struct runtime *rt, struct link *link, const struct record *record) {
  bool is_idle = !link->task && !link->queue;
  hold(link, record);
  if (is_idle) list_push(&rt->held, &link->queue->node);
}

void link_hold_error(struct runtime *rt, struct link *link, const struct err *e) {
  if (link_kind(link)->fail && !link_kind(link)->fail(link, e)) return;
  union {
    struct record record;
    char bytes[sizeof(struct record) + sizeof *e];
  } told = {.record = {.type = EVENT_ERROR, .length = sizeof *e}};
  memcpy(told.record.payload, e, sizeof *e);
  hold_own(rt, link, &told.record);
}

void link_hold_reload(struct runtime *rt, struct link *link) {
  union {
    struct record record;
    char bytes[sizeof(struct record) + sizeof(uint64_t)];
  } told = {.record = {.type = EVENT_RELOAD, .length = sizeof(uint64_t)}};
  *(uint64_t *)told.record.payload = rt->generation;
  hold_own(rt, link, &told.record);
}

void link_drop_queue(struct link *link) {
  struct link_queue *q = link->queue;
  if (!q) return;
  link->queue = NULL;
  while (q->first) {
    struct held *next = q->first->next;
    mem_free(q->first);
    q->first = next;
  }
  list_remove(&q->node);
  mem_free(q);
}

void link_run_held(struct runtime *rt) {
  for (struct list *node; (node = list_pop(&rt->held));)
    advance(rt, LIST_ENTRY(node, struct link_queue, node)->link);
}

static struct held *pop(struct link_queue *q) {
  struct held *h = q->first;
  q->first = h->next;
  if (!q->first) q->last = &q->first;
  return h;
}

// Delivers what is held until a callback waits. CLOSED is the last of all: after it the link may
// be gone.
static void advance(struct runtime *rt, struct link *link) {
  struct link_queue *q = link->queue;
  if (q->is_advancing) return;
  q->is_advancing = true;
  while (!link->task && q->first) {
    struct held *h = pop(q);
    const struct record *record = (const struct record *)h->record;
    bool is_last = record->type == EVENT_CLOSED;
    if (is_last) link_drop_queue(link);
    deliver(rt, link, record);
    mem_free(h);
    if (is_last) return;
  }
  q->is_advancing = false;
  if (!link->task) link_drop_queue(link);
}

static bool is_cancelled(struct runtime *rt, const struct link *link) {
  if (!link->has_ended || !link->queue || link->queue->cancel_due == CONFIG_NONE) return false;
  uint64_t now = link_is_wired(rt, link) ? wired_now(rt->wired) : rt->now;
  return now >= link->queue->cancel_due;
}

// Starts the callback of an event. No other one of this connection is running.
static void deliver(struct runtime *rt, struct link *link, const struct record *record) {
  bool is_wanted = link->state == LINK_CONNECTED && !is_cancelled(rt, link);
  switch ((enum event_type)record->type) {
  case EVENT_MESSAGE:
    if (is_wanted)
      start_message(rt, link, record);
    else
      link_credit(rt, link, EVENT_COST(record->length));
    return;
  case EVENT_OPENED: link_kind(link)->open(rt, link, record); return;
  case EVENT_DRAIN:
    if (is_wanted) start_drain(rt, link);
    return;
  case EVENT_RELOAD:
    if (is_wanted) start_reload(rt, link, *(const uint64_t *)record->payload);
    return;
  case EVENT_ERROR:
    failure_push(rt->L, (const struct err *)record->payload, link_kind(link)->level, link, NULL);
    tell_error(rt, link, on_error_done);
    return;
  case EVENT_CLOSED:
    start_terminate(rt, link, (const struct event_closed *)record->payload);
    return;
  default: return;
  }
}
