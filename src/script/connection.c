// Connections of servers: how one comes about, what its server knows of it. Runs in the Lua thread,
// at the top of the loop.

#include "script/connection.h"

#include <lauxlib.h>
#include "base/buf.h"
#include "base/mem.h"
#include "http/url.h"
#include "script/answer.h"
#include "script/request.h"
#include "script/task.h"
#include "script/vm.h"
#include "script/wired.h"
#include "script/wss.h"

static struct connection *make(struct runtime *rt, struct wss *wss, uint64_t handle,
                               const struct event_request *request);
static void on_connection_done(struct runtime *rt, struct task *t, bool ok);

void connection_on_connect(struct runtime *rt, const struct record *record) {
  const struct event_request *request = (const struct event_request *)record->payload;
  struct wss *wss = wss_find(rt, request->server);
  // A server that has just been closed: its reactor ends the connection by itself.
  if (!wss || wss->state != WSS_OPEN) return;
  wss_open_now(rt, wss);
  if (!vm_has_room(rt)) {
    struct batch *batch = &rt->outgoing[event_handle_reactor(record->id)].batch;
    answer_push_status(batch, COMMAND_REFUSE, record->id, 503);
    return;
  }
  struct connection *c = make(rt, wss, record->id, request);
  struct task *t = task_new(rt, "onConnection", on_connection_done, NULL);
  t->link = &c->link;
  if (link_is_wired(rt, &c->link)) {
    t->scope = SCOPE_WIRED;
    t->started = wired_now(rt->wired);
  }
  c->link.task = t;
  lua_State *co = t->co;
  lua_rawgeti(co, LUA_REGISTRYINDEX, rt->calls[CALL_CONNECTION]);
  wss_push(co, wss);
  lua_getiuservalue(co, -1, WSS_HANDLER);
  lua_createtable(co, 0, 2);
  lua_pushliteral(co, "connection");
  lua_setfield(co, -2, "type");
  request_push(co, request, wss->pattern, false);
  lua_setfield(co, -2, "request");
  task_run(rt, t);
}

// If the answer has just been given, that alone tells.
void connection_on_late(struct runtime *rt, struct connection *c) {
  if (c->link.state != LINK_CONNECTING) return;
  c->link.is_late = true;
  struct err e;
  err_set(&e, ERR_LUAW, 503, "onConnection has not answered within answerTimeout (%g s)",
          (double)c->wss->config->answer_timeout / 1000);
  wss_tell(rt, c->wss, &e, LOG_WARN);
}

struct link_config *connection_config(const struct link *link) {
  return &connection_of(link)->wss->config->link;
}

void connection_end(struct runtime *rt, struct link *link, lua_State *L) {
  (void)L;
  struct wss *wss = connection_of(link)->wss;
  if (!link->is_listed) return;
  link->is_listed = false;
  wss->count--;
  atomic_fetch_sub_explicit(&wss->group->listed, 1, memory_order_relaxed);
  wss_change(rt, wss);
}

void connection_leave(struct runtime *rt, struct link *link) {
  struct connection *c = connection_of(link);
  link_release(rt, link);
  list_remove(&c->node);
  wss_end_if_over(rt, c->wss);
}

// Making one --------------------------------------------------------------------------------------

static struct span get_offered(const struct event_request *r, uint32_t i) {
  if (!span_eq_nocase(event_slice_span(r, r->headers[i].name), SPAN("Sec-WebSocket-Protocol")))
    return (struct span){NULL, 0};
  return event_slice_span(r, r->headers[i].value);
}

// Address and path lie in the object itself: a connection needs no memory beside it. No NUL is in
// them, nor in the protocols: they are HTTP's.
static struct connection *new_object(lua_State *L, const struct event_request *r) {
  struct span address = event_slice_span(r, r->address), path, query;
  http_url_split(event_slice_span(r, r->target), &path, &query);
  size_t size = offsetof(struct connection, info) + address.n + 1 + path.n + 1;
  struct connection *c = object_new(L, CONNECTION_CLASS, size, LINK_USER_VALUES);
  if (address.n > 0) memcpy(c->info, address.p, address.n);
  memcpy(c->info + address.n + 1, path.p, path.n);
  return c;
}

static char *collect_protocols(const struct event_request *r) {
  struct span chosen = event_slice_span(r, r->protocol);
  struct buf text;
  buf_init(&text, SIZE_MAX); // bounded by the request's head
  for (uint32_t i = 0; i < r->header_count; i++) {
    struct span offered = get_offered(r, i);
    if (offered.n == 0) continue;
    if (text.len == 0) buf_append(&text, chosen.p, chosen.n), buf_append(&text, "", 1);
    buf_append(&text, offered.p, offered.n);
    buf_append(&text, ",", 1);
  }
  if (text.len > 0) buf_append(&text, "", 1);
  return buf_take(&text, NULL);
}

static struct connection *make(struct runtime *rt, struct wss *wss, uint64_t handle,
                               const struct event_request *request) {
  lua_State *L = rt->L;
  struct connection *c = new_object(L, request);
  c->link.id = request->connection;
  c->link.data = wss->data;
  c->wss = wss;
  c->protocols = collect_protocols(request);
  wss_push(L, wss);
  lua_setiuservalue(L, -2, LINK_FIELDS); // until there are any: see object_push_kept
  c->link.ref = luaL_ref(L, LUA_REGISTRYINDEX);
  list_init(&c->node);
  list_push(&wss->connections, &c->node);
  link_register(rt, &c->link, handle, request->taken, request->taken_before);
  return c;
}

// What onConnection answers -----------------------------------------------------------------------

// What the client has offered matters no more.
static void settle_protocol(struct connection *c, struct span protocol) {
  mem_free(c->protocols);
  c->protocols = protocol.n > 0 ? mem_dup(protocol.p, protocol.n) : NULL;
}

// Makes it one of its server's connections; the handler is at index 1 of `co`, the subprotocol
// behind it.
static void enlist(struct runtime *rt, struct connection *c, lua_State *co) {
  struct wss *wss = c->wss;
  link_push(co, &c->link);
  lua_pushvalue(co, 1);
  lua_setiuservalue(co, -2, LINK_HANDLER);
  lua_pop(co, 1);
  settle_protocol(c, span_of(lua_tostring(co, 2)));
  c->link.state = LINK_CONNECTED;
  c->link.is_listed = true;
  wss->count++;
  atomic_fetch_add_explicit(&wss->group->listed, 1, memory_order_relaxed);
  wss_change(rt, wss);
}

static bool is_in_time(struct runtime *rt, const struct connection *c, const struct task *t) {
  uint64_t timeout = c->wss->config->answer_timeout;
  if (c->link.is_late) return false;
  if (!c->link.has_ended || timeout == CONFIG_NONE) return true;
  return runtime_clock_of(rt, t->scope) - t->started <= timeout;
}

static void on_connection_done(struct runtime *rt, struct task *t, bool ok) {
  struct link *link = t->link;
  struct connection *c = connection_of(link);
  struct batch *batch = &link_outgoing(rt, link)->batch;
  link->task = NULL;
  if (!ok) wss_tell_error(rt, c->wss);
  if (ok && lua_istable(t->co, 1) && is_in_time(rt, c, t)) {
    if (!link->has_ended) answer_push_accept(batch, link->handle, t->co, 2);
    enlist(rt, c, t->co);
    link_start_open(rt, link, 0);
    return;
  }
  if (!link->has_ended && !link->is_late) {
    if (ok)
      answer_push(batch, COMMAND_REFUSE, link->handle, t->co, 2);
    else
      answer_push_status(batch, COMMAND_REFUSE, link->handle, 500);
  }
  connection_leave(rt, link);
}
