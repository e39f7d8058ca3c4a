// The life of a client: attempts, what comes between them, and what waits for somebody. Runs in the
// Lua thread.

#include "script/websocket.h"

#include <assert.h>
#include <lauxlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "script/args.h"
#include "script/task.h"
#include "script/trial.h"
#include "ws/close.h"

// What begins each postponed message; its bytes follow.
struct postponed {
  enum ws_opcode opcode;
  size_t length;
};

static void dial(struct runtime *rt, struct websocket *c);
static void wait_for_next(struct runtime *rt, struct websocket *c);
static void send_postponed(struct runtime *rt, struct websocket *c);
static void be_over(struct runtime *rt, struct websocket *c);
static void finish(struct runtime *rt, struct websocket *c);
static void on_next_due(struct runtime *rt, struct deadline *d);

struct websocket *websocket_new(lua_State *L) {
  struct websocket *c = object_new(L, WEBSOCKET_CLASS, sizeof *c, WEBSOCKET_USER_VALUES);
  lua_newtable(L);
  lua_setiuservalue(L, -2, WEBSOCKET_INBOX);
  list_init(&c->node);
  list_init(&c->dialing);
  list_init(&c->receivers);
  list_init(&c->openers);
  runtime_deadline_init(&c->next, on_next_due);
  buf_init(&c->postponed, SIZE_MAX); // bounded by the option
  c->first = c->last = 1;
  c->link.ref = LUA_NOREF;
  c->link.has_ended = true; // there is no handle yet
  return c;
}

void websocket_deinit(struct websocket *c) {
  client_config_unref(c->config);
  buf_deinit(&c->postponed);
  mem_free(c->shown_url);
  mem_free(c->protocol);
  mem_free(c->failure);
  mem_free(c->place);
  c->config = NULL;
  c->shown_url = c->protocol = c->failure = c->place = NULL;
}

// All attempts are one reactor's: the handle says whose, before there is one, too.
void websocket_start(lua_State *L, struct websocket *c, int index) {
  struct runtime *rt = runtime_of(L);
  c->link.id = ids_draw(rt->options->ids);
  c->link.handle = event_handle_none(rt->next_reactor);
  rt->next_reactor = (rt->next_reactor + 1) % rt->reactor_count;
  c->config->id = c->link.id;
  c->config->owner = mailbox_ref(rt->mailbox);
  c->scope = task_scope(rt);
  c->place = args_copy_place(L);
  lua_pushvalue(L, index);
  c->link.ref = luaL_ref(L, LUA_REGISTRYINDEX);
  list_push(&rt->clients, &c->node);
  if (!rt->preparing) dial(rt, c);
}

struct link_config *websocket_config_of(const struct link *link) {
  return &websocket_of(link)->config->link;
}

unsigned websocket_scope(const struct link *link) {
  return websocket_of(link)->scope;
}

// Attempts ----------------------------------------------------------------------------------------

static void dial(struct runtime *rt, struct websocket *c) {
  c->attempt++;
  c->link.will_retry = false;
  c->link.is_slow = false;
  mem_free(c->failure);
  c->failure = NULL;
  struct record *r = batch_push(&link_outgoing(rt, &c->link)->batch, COMMAND_DIAL, c->link.id,
                                sizeof(struct command_dial));
  *(struct command_dial *)r->payload =
      (struct command_dial){.config = client_config_ref(c->config)};
  list_push(&rt->dialing, &c->dialing);
}

// They are answered in their order, so that the one in question stands near the front.
static struct websocket *find_dialing(const struct runtime *rt, uint64_t id) {
  for (struct list *i = rt->dialing.next; i != &rt->dialing; i = i->next) {
    struct websocket *c = LIST_ENTRY(i, struct websocket, dialing);
    if (c->link.id == id) return c;
  }
  return NULL;
}

static void push_destroy(struct runtime *rt, struct websocket *c) {
  batch_push(&link_outgoing(rt, &c->link)->batch, COMMAND_DESTROY, c->link.handle, 0);
}

void websocket_on_dialed(struct runtime *rt, const struct record *record) {
  const struct event_dialed *dialed = (const struct event_dialed *)record->payload;
  struct websocket *c = find_dialing(rt, dialed->client);
  assert(c);
  list_remove(&c->dialing);
  c->serial++;
  c->link.done = 0;
  c->link.has_ended = false;
  link_register(rt, &c->link, record->id, dialed->taken, dialed->taken_before);
  if (c->link.state == LINK_CLOSING) push_destroy(rt, c);
}

void websocket_open(struct runtime *rt, struct link *link, const struct record *record) {
  struct websocket *c = websocket_of(link);
  if (link->state != LINK_CONNECTING) return; // the script has ended it meanwhile
  link->state = LINK_CONNECTED;
  mem_free(c->protocol);
  c->protocol = record->length > 0 ? mem_dup((const char *)record->payload, record->length) : NULL;
  while (task_serve(rt, &c->openers))
    ;
  unsigned attempt = (unsigned)c->attempt;
  c->attempt = 0;
  c->delay = 0;
  link_start_open(rt, link, attempt);
  send_postponed(rt, c);
}

void websocket_quit(struct runtime *rt, struct link *link) {
  struct websocket *c = websocket_of(link);
  c->is_final = true;
  if (link->will_retry) {
    link->will_retry = false;
    be_over(rt, c);
  }
  if (link->state != LINK_CONNECTING) return;
  if (c->is_over) {
    finish(rt, c);
    return;
  }
  link->state = LINK_CLOSING;
  if (!link->has_ended) push_destroy(rt, c);
}

bool websocket_fail(struct link *link, const struct err *e) {
  struct websocket *c = websocket_of(link);
  if (c->failure) return false;
  c->failure = mem_dup_string(e->text);
  return true;
}

void websocket_lose(struct runtime *rt, struct link *link, const struct event_closed *closed) {
  struct websocket *c = websocket_of(link);
  c->closed = *closed;
  link->will_retry = c->reconnect.on && !c->is_final && c->attempt < c->reconnect.attempts &&
                     rt->phase == PHASE_RUNNING;
  if (!link->will_retry) be_over(rt, c);
}

void websocket_end(struct runtime *rt, struct link *link, lua_State *L) {
  (void)rt;
  lua_pushboolean(L, link->will_retry);
  lua_setfield(L, -2, "willRetry");
}

void websocket_leave(struct runtime *rt, struct link *link) {
  struct websocket *c = websocket_of(link);
  if (link->will_retry)
    wait_for_next(rt, c);
  else
    finish(rt, c);
}

// Between the half of what it may be and that. It doubles, from twice the shortest on.
static uint64_t draw_delay(struct websocket *c) {
  const struct websocket_reconnect *r = &c->reconnect;
  c->delay = c->delay > 0 ? c->delay * 2 : r->min * 2;
  if (c->delay > r->max) c->delay = r->max;
  uint64_t least = c->delay / 2 > r->min ? c->delay / 2 : r->min;
  struct hash_key random;
  hash_key_init(&random);
  return least + random.k0 % (c->delay - least + 1);
}

static void wait_for_next(struct runtime *rt, struct websocket *c) {
  c->link.state = LINK_CONNECTING;
  wheel_start(&rt->wheel, &c->next.timer, runtime_clock(rt) + draw_delay(c));
}

// What earlier attempts have left must not add up.
static void on_next_due(struct runtime *rt, struct deadline *d) {
  struct websocket *c = LIST_ENTRY(d, struct websocket, next);
  c->is_full = c->kept >= EVENT_WINDOW;
  if (!c->is_full) dial(rt, c);
}

// The end -----------------------------------------------------------------------------------------

static void wake_all(struct runtime *rt, struct list *waiting) {
  for (struct list *i = waiting->next; i != waiting; i = i->next)
    task_wake(rt, LIST_ENTRY(i, struct task, turn));
}

// Nothing more will come: whoever waits is told so.
static void be_over(struct runtime *rt, struct websocket *c) {
  c->is_over = true;
  c->is_full = false;
  if (c->postponed_size > 0)
    log_warn("client %llu has ended: %llu bytes of messages that waited for it are dropped",
             (unsigned long long)c->link.id, (unsigned long long)c->postponed_size);
  buf_deinit(&c->postponed);
  c->postponed_size = 0;
  wake_all(rt, &c->openers);
  wake_all(rt, &c->receivers);
}

static void finish(struct runtime *rt, struct websocket *c) {
  wheel_stop(&c->next.timer);
  list_remove(&c->node);
  link_release(rt, &c->link);
}

static void end_some(struct runtime *rt, bool is_all, unsigned scope) {
  struct list all;
  list_init(&all);
  list_splice(&all, &rt->clients);
  for (struct list *node; (node = list_pop(&all));) {
    struct websocket *c = LIST_ENTRY(node, struct websocket, node);
    list_push(&rt->clients, node);
    if (is_all || c->scope == scope) link_close(rt, &c->link, WS_CLOSE_GOING_AWAY, NULL, 0);
  }
}

void websocket_end_all(struct runtime *rt) {
  end_some(rt, true, SCOPE_NONE);
}

void websocket_end_scope(struct runtime *rt, unsigned scope) {
  end_some(rt, false, scope);
}

void websocket_list(struct runtime *rt, unsigned scope, lua_State *L) {
  for (struct list *i = rt->clients.next; i != &rt->clients; i = i->next) {
    const struct websocket *c = LIST_ENTRY(i, struct websocket, node);
    if (c->scope == scope) trial_add(L, "client", c->place, NULL);
  }
}

void websocket_push_others(struct runtime *rt, unsigned scope, lua_State *L) {
  for (struct list *i = rt->clients.next; i != &rt->clients; i = i->next) {
    const struct websocket *c = LIST_ENTRY(i, struct websocket, node);
    if (c->scope == scope || !link_is_open(&c->link)) continue;
    link_push(L, &c->link);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}

void websocket_dial_scope(struct runtime *rt, unsigned scope) {
  for (struct list *i = rt->clients.next; i != &rt->clients; i = i->next) {
    struct websocket *c = LIST_ENTRY(i, struct websocket, node);
    if (c->scope == scope) dial(rt, c);
  }
}

void websocket_drop_scope(struct runtime *rt, unsigned scope) {
  for (struct list *i = rt->clients.next, *next; i != &rt->clients; i = next) {
    next = i->next;
    struct websocket *c = LIST_ENTRY(i, struct websocket, node);
    if (c->scope == scope) finish(rt, c);
  }
}

void websocket_map(struct runtime *rt, unsigned scope, lua_State *L, void (*map)(lua_State *L)) {
  for (struct list *i = rt->clients.next; i != &rt->clients; i = i->next) {
    const struct websocket *c = LIST_ENTRY(i, struct websocket, node);
    if (c->scope != scope) continue;
    link_push(L, &c->link);
    lua_getiuservalue(L, -1, LINK_HANDLER);
    map(L);
    lua_setiuservalue(L, -2, LINK_HANDLER);
    lua_pop(L, 1);
  }
}

// Messages for the next open ----------------------------------------------------------------------

uint64_t websocket_buffered(const struct websocket *c) {
  return c->postponed_size + (c->link.has_ended ? 0 : link_buffered(&c->link));
}

bool websocket_postpone(struct websocket *c, const struct message *m) {
  uint64_t size = ws_frame_header_size(m->length, false) + m->length;
  if (c->postponed_size + size > c->reconnect.queue) return false;
  struct postponed head = {.opcode = m->opcode, .length = m->length};
  buf_append(&c->postponed, &head, sizeof head);
  buf_append(&c->postponed, m->data, m->length);
  c->postponed_size += size;
  return true;
}

// After what onOpen has sent. They may be as many as may wait for a peer at all.
static void send_postponed(struct runtime *rt, struct websocket *c) {
  if (c->postponed.len == 0 || c->link.state != LINK_CONNECTED) return;
  struct buf all = c->postponed;
  buf_init(&c->postponed, SIZE_MAX);
  c->postponed_size = 0;
  for (size_t at = 0; at < all.len;) {
    struct postponed head;
    memcpy(&head, all.data + at, sizeof head);
    at += sizeof head;
    link_put(rt, &c->link, head.opcode, all.data + at, head.length);
    at += head.length;
  }
  buf_deinit(&all);
}

// Messages for receive ----------------------------------------------------------------------------

// The inbox has them at keys that count up: the text at 2n - 1, and at 2n the flags, with the
// serial of the attempt above them. Lua's collector knows what they take.
enum { SERIAL_SHIFT = 8 };

// In the worker's hands it is no more than that counts for all its connections together: a client
// that nobody receives from must not stop the others. Its own credit waits until it is received.
void websocket_keep(struct runtime *rt, struct link *link, const struct record *record) {
  struct websocket *c = websocket_of(link);
  if (link->state != LINK_CONNECTED) {
    link_credit(rt, link, EVENT_COST(record->length));
    return;
  }
  lua_State *L = rt->L;
  link_push(L, link);
  lua_getiuservalue(L, -1, WEBSOCKET_INBOX);
  lua_pushlstring(L, (const char *)record->payload, record->length);
  lua_rawseti(L, -2, c->last * 2 - 1);
  lua_pushinteger(L, (lua_Integer)(c->serial << SERIAL_SHIFT | record->flags));
  lua_rawseti(L, -2, c->last * 2);
  lua_pop(L, 2);
  c->last++;
  c->kept += EVENT_COST(record->length);
  link_outgoing(rt, link)->consumed += EVENT_COST(record->length);
  if (task_serve(rt, &c->receivers)) c->promised++;
}

static void give_back(struct runtime *rt, struct websocket *c, uint64_t serial, uint32_t cost) {
  c->kept -= cost;
  if (serial == c->serial) link_give_back(rt, &c->link, cost);
  if (!c->is_full || c->kept >= EVENT_WINDOW) return;
  c->is_full = false;
  dial(rt, c);
}

uint16_t websocket_take(lua_State *L, struct websocket *c) {
  lua_getiuservalue(L, 1, WEBSOCKET_INBOX);
  lua_rawgeti(L, -1, c->first * 2 - 1);
  lua_rawgeti(L, -2, c->first * 2);
  uint64_t mark = (uint64_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  for (int i = 1; i >= 0; i--) {
    lua_pushnil(L);
    lua_rawseti(L, -3, c->first * 2 - i);
  }
  lua_remove(L, -2);
  if (++c->first == c->last) c->first = c->last = 1;
  give_back(runtime_of(L), c, mark >> SERIAL_SHIFT, EVENT_COST(lua_rawlen(L, -1)));
  return (uint16_t)(mark & ((1 << SERIAL_SHIFT) - 1));
}
