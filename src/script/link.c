// Connections: their table, their lives, what is sent to them. Runs in the Lua thread.

#include "script/link.h"

#include <lauxlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "http/url.h"
#include "script/wss.h"
#include "ws/close.h"

enum { SLOTS_MIN = 64 };

static struct link *new_object(lua_State *L, const struct event_request *r);
static char *collect_protocols(const struct event_request *r);
static void enter_table(struct runtime *rt, struct link *link);
static enum link_result refuse_slow(struct runtime *rt, struct link *link);

struct link *link_new(struct runtime *rt, struct wss *wss, uint64_t handle,
                      const struct event_request *request) {
  lua_State *L = rt->L;
  struct link *link = new_object(L, request);
  link->handle = handle;
  link->id = request->connection;
  link->wss = wss;
  link->taken = request->taken;
  link->sent = request->taken_before;
  link->protocols = collect_protocols(request);
  wss_push(L, wss);
  lua_setiuservalue(L, -2, LINK_FIELDS); // until there are any: see object_push_kept
  link->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  list_init(&link->node);
  list_push(&wss->links, &link->node);
  enter_table(rt, link);
  return link;
}

void link_unregister(struct runtime *rt, struct link *link) {
  link->has_ended = true;
  rt->links[event_handle_reactor(link->handle)].slots[event_handle_slot(link->handle)] = NULL;
}

void link_release(struct runtime *rt, struct link *link) {
  if (!link->has_ended) link_unregister(rt, link);
  link->state = LINK_CLOSED;
  link_drop_queue(link);
  list_remove(&link->node);
  luaL_unref(rt->L, LUA_REGISTRYINDEX, link->ref);
  link->ref = LUA_NOREF;
  wss_end_if_over(rt, link->wss);
}

// What the client has offered matters no more.
static void settle_protocol(struct link *link, struct span protocol) {
  mem_free(link->protocols);
  link->protocols = protocol.n > 0 ? mem_dup(protocol.p, protocol.n) : NULL;
}

void link_open(struct runtime *rt, struct link *link, lua_State *L, int index) {
  index = lua_absindex(L, index);
  link_push(L, link);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, LINK_HANDLER);
  lua_pop(L, 1);
  settle_protocol(link, span_of(lua_tostring(L, index + 1)));
  link->state = LINK_CONNECTED;
  link->is_listed = true;
  link->wss->count++;
  atomic_fetch_add_explicit(&link->wss->group->listed, 1, memory_order_relaxed);
  wss_change(rt, link->wss);
}

void link_credit(struct runtime *rt, struct link *link, uint32_t cost) {
  struct outgoing *o = link_outgoing(rt, link);
  o->consumed += cost;
  link->done += cost;
  if (link->done < EVENT_WINDOW / 2) return;
  if (!link->has_ended) batch_push(&o->batch, COMMAND_CREDIT, link->handle, 0)->credit = link->done;
  link->done = 0;
}

static bool has_room(const struct link *link) {
  return link_buffered(link) <= link->wss->config->link.max_backpressure;
}

enum link_result link_admit(struct runtime *rt, struct link *link) {
  if (link->state != LINK_CONNECTED || link->has_ended) return LINK_IS_CLOSED;
  if (has_room(link)) return LINK_SENT;
  // Only what the kernel has refused counts, not what the reactor has not come to yet.
  outgoing_drain(link_outgoing(rt, link));
  return has_room(link) ? LINK_SENT : refuse_slow(rt, link);
}

bool link_note_slow(struct link *link) {
  if (link->is_slow) return false;
  link->is_slow = true;
  if (link->state == LINK_CONNECTED) link->state = LINK_CLOSING;
  return true;
}

enum link_result link_send(struct runtime *rt, struct link *link, enum ws_opcode opcode,
                           const char *data, size_t length) {
  enum link_result result = link_admit(rt, link);
  if (result != LINK_SENT) return result;
  link->sent += outgoing_send(link_outgoing(rt, link), link->handle, opcode, data, length);
  stats_add(&rt->stats->sent_messages, 1);
  stats_add(&rt->stats->sent_bytes, length);
  return LINK_SENT;
}

void link_close(struct runtime *rt, struct link *link, unsigned code, const char *reason,
                size_t length) {
  if (link->state != LINK_CONNECTED) return;
  link->state = LINK_CLOSING;
  if (link->has_ended) return;
  outgoing_close(link_outgoing(rt, link), COMMAND_CLOSE, link->handle, code, reason, length);
}

void link_destroy(struct runtime *rt, struct link *link) {
  if (link->state != LINK_CONNECTED && link->state != LINK_CLOSING) return;
  link->state = LINK_CLOSING;
  if (!link->has_ended)
    batch_push(&link_outgoing(rt, link)->batch, COMMAND_DESTROY, link->handle, 0);
}

static struct span get_offered(const struct event_request *r, uint32_t i) {
  if (!span_eq_nocase(event_slice_span(r, r->headers[i].name), SPAN("Sec-WebSocket-Protocol")))
    return (struct span){NULL, 0};
  return event_slice_span(r, r->headers[i].value);
}

// Address and path lie in the object itself: a connection needs no memory beside it. No NUL is in
// them, nor in the protocols: they are HTTP's.
static struct link *new_object(lua_State *L, const struct event_request *r) {
  struct span address = event_slice_span(r, r->address), path, query;
  http_url_split(event_slice_span(r, r->target), &path, &query);
  size_t size = offsetof(struct link, info) + address.n + 1 + path.n + 1;
  struct link *link = object_new(L, &LINK_CLASS, size, LINK_USER_VALUES);
  if (address.n > 0) memcpy(link->info, address.p, address.n);
  memcpy(link->info + address.n + 1, path.p, path.n);
  return link;
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

static void enter_table(struct runtime *rt, struct link *link) {
  struct link_table *table = &rt->links[event_handle_reactor(link->handle)];
  uint32_t slot = event_handle_slot(link->handle);
  if (slot >= table->count) {
    uint32_t count = table->count > 0 ? table->count : SLOTS_MIN;
    while (count <= slot)
      count *= 2;
    table->slots = mem_realloc(table->slots, count * sizeof *table->slots);
    memset(table->slots + table->count, 0, (count - table->count) * sizeof *table->slots);
    table->count = count;
  }
  table->slots[slot] = link;
}

static enum link_result refuse_slow(struct runtime *rt, struct link *link) {
  struct wss *wss = link->wss;
  if (wss->config->link.slow_consumer == SLOW_CONSUMER_DROP) {
    atomic_fetch_add_explicit(&wss->config->link.dropped, 1, memory_order_relaxed);
    stats_add(&rt->stats->dropped, 1);
    return LINK_DROPPED;
  }
  static const char REASON[] = "slow consumer";
  link_note_slow(link);
  outgoing_close(link_outgoing(rt, link), COMMAND_FAIL, link->handle, WS_CLOSE_POLICY, REASON,
                 sizeof REASON - 1);
  struct err e;
  err_set(&e, ERR_LUAW, WS_CLOSE_POLICY, "slow consumer: %llu bytes wait for it",
          (unsigned long long)link_buffered(link));
  link_hold_error(rt, link, &e);
  return LINK_IS_CLOSED;
}
