// What is sent to a peer, and the table that finds a link by its handle. Runs in the Lua thread.

#include "script/link.h"

#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "ws/close.h"

enum { SLOTS_MIN = 64 };

static void enter_table(struct runtime *rt, struct link *link);
static enum link_result refuse_slow(struct runtime *rt, struct link *link);

void link_register(struct runtime *rt, struct link *link, uint64_t handle, _Atomic uint64_t *taken,
                   uint64_t before) {
  link->handle = handle;
  link->taken = taken;
  link->sent = before;
  enter_table(rt, link);
}

void link_unregister(struct runtime *rt, struct link *link) {
  link->has_ended = true;
  rt->links[event_handle_reactor(link->handle)].slots[event_handle_slot(link->handle)] = NULL;
}

void link_release(struct runtime *rt, struct link *link) {
  if (!link->has_ended) link_unregister(rt, link);
  link->state = LINK_CLOSED;
  link_drop_queue(link);
  luaL_unref(rt->L, LUA_REGISTRYINDEX, link->ref);
  link->ref = LUA_NOREF;
}

void link_credit(struct runtime *rt, struct link *link, uint32_t cost) {
  link_outgoing(rt, link)->consumed += cost;
  link_give_back(rt, link, cost);
}

void link_give_back(struct runtime *rt, struct link *link, uint32_t cost) {
  struct outgoing *o = link_outgoing(rt, link);
  link->done += cost;
  if (link->done < EVENT_WINDOW / 2) return;
  if (!link->has_ended) batch_push(&o->batch, COMMAND_CREDIT, link->handle, 0)->credit = link->done;
  link->done = 0;
}

static bool has_room(const struct link *link) {
  uint64_t waiting = link_buffered(link);
  return waiting == 0 || waiting <= link_kind(link)->config(link)->max_backpressure;
}

enum link_result link_admit(struct runtime *rt, struct link *link) {
  if (!link_is_open(link)) return link_may_open(link) ? LINK_IS_CONNECTING : LINK_IS_CLOSED;
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
  if (result == LINK_SENT) link_put(rt, link, opcode, data, length);
  return result;
}

void link_put(struct runtime *rt, struct link *link, enum ws_opcode opcode, const char *data,
              size_t length) {
  link->sent += outgoing_send(link_outgoing(rt, link), link->handle, opcode, data, length);
  stats_add(&rt->stats->sent_messages, 1);
  stats_add(&rt->stats->sent_bytes, length);
}

void link_close(struct runtime *rt, struct link *link, unsigned code, const char *reason,
                size_t length) {
  if (link_kind(link)->quit) link_kind(link)->quit(rt, link);
  if (link->state != LINK_CONNECTED) return;
  link->state = LINK_CLOSING;
  if (link->has_ended) return;
  outgoing_close(link_outgoing(rt, link), COMMAND_CLOSE, link->handle, code, reason, length);
}

void link_destroy(struct runtime *rt, struct link *link) {
  if (link_kind(link)->quit) link_kind(link)->quit(rt, link);
  if (link->state != LINK_CONNECTED && link->state != LINK_CLOSING) return;
  link->state = LINK_CLOSING;
  if (!link->has_ended)
    batch_push(&link_outgoing(rt, link)->batch, COMMAND_DESTROY, link->handle, 0);
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
  struct link_config *config = link_kind(link)->config(link);
  if (config->slow_consumer == SLOW_CONSUMER_DROP) {
    atomic_fetch_add_explicit(&config->dropped, 1, memory_order_relaxed);
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
