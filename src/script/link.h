#ifndef SCRIPT_LINK_H
#define SCRIPT_LINK_H

// A connection as its worker sees it: the userdata behind a WebSocketConnection, found by the
// handle that events carry. Lua thread.
//
//   ANSWERING -> CONNECTED -> CLOSING -> CLOSED
//
// It exists from EVENT_CONNECT; the script gets to see it from its onOpen on. Its callbacks come
// one after the other: while one waits, what arrives is held in a queue (link_events.c).

#include <lua.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/err.h"
#include "base/list.h"
#include "mailbox/event.h"
#include "script/object.h"
#include "script/outgoing.h"
#include "script/runtime.h"

struct task;
struct wss;

enum link_state {
  LINK_ANSWERING, // onConnection has been called and has not answered yet
  LINK_CONNECTED,
  LINK_CLOSING, // closed by the script: no onMessage any more
  LINK_CLOSED,  // from onTerminate on, or refused
};

// User values of the userdata.
enum { LINK_HANDLER = 1, LINK_FIELDS = 2, LINK_USER_VALUES = 2 };

// What waits until a callback has returned. Allocated when something does.
struct link_queue {
  struct list node; // on runtime.held when it can go on
  struct link *link;
  struct held *first;
  struct held **last;
  uint64_t cancel_due; // ms: the end of the callbacks after the connection's, 0: not ended
  bool is_advancing;
};

struct link {
  struct object object;
  uint64_t handle;
  uint64_t id;
  struct wss *wss;
  struct list node;         // on wss.links
  struct task *task;        // the callback that is running or waiting, or NULL
  struct link_queue *queue; // NULL: nothing waits
  _Atomic uint64_t *taken;  // framed bytes that the kernel has taken, of all that had this slot
  uint64_t sent;            // framed bytes handed to the reactor, counting on from *taken
  char *protocols; // chosen one, and while ANSWERING the offered ones, each ended by a NUL;
                   // NULL: the client has offered none
  int ref;         // keeps the userdata alive
  uint32_t done;   // cost of messages worked off and not yet given back as credit
  uint8_t state;   // enum link_state
  bool has_ended;  // EVENT_CLOSED has come: the handle is dead
  bool is_late;    // answerTimeout was over before the answer
  bool is_listed;  // in wss.connections
  bool is_slow;    // and has been refused for it: onError is told once
  char info[];     // the peer's address, the path, each ended by a NUL
};

extern const struct object_class LINK_CLASS;

static inline const char *link_address(const struct link *link) {
  return link->info;
}

static inline const char *link_path(const struct link *link) {
  return link->info + strlen(link->info) + 1;
}

// The subprotocol: what the server's order has chosen, then what onConnection has; "": none.
static inline const char *link_protocol(const struct link *link) {
  return link->protocols ? link->protocols : "";
}

// The subprotocols that the client offers, as a list of the header's form. While ANSWERING.
static inline const char *link_offered(const struct link *link) {
  return link->protocols ? link->protocols + strlen(link->protocols) + 1 : "";
}

// The link of a live handle, or NULL.
static inline struct link *link_find(const struct runtime *rt, uint64_t handle) {
  unsigned reactor = event_handle_reactor(handle);
  if (reactor >= rt->reactor_count) return NULL;
  const struct link_table *table = &rt->links[reactor];
  uint32_t slot = event_handle_slot(handle);
  struct link *link = slot < table->count ? table->slots[slot] : NULL;
  return link && link->handle == handle ? link : NULL;
}

static inline struct outgoing *link_outgoing(const struct runtime *rt, const struct link *link) {
  return &rt->outgoing[event_handle_reactor(link->handle)];
}

// Pushes its userdata.
static inline void link_push(lua_State *L, const struct link *link) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, link->ref);
}

// A new one, registered under its handle.
struct link *link_new(struct runtime *rt, struct wss *wss, uint64_t handle,
                      const struct event_request *request);

// Its handle is dead.
void link_unregister(struct runtime *rt, struct link *link);

// Nothing will be called for it any more. The userdata lives as long as the script holds it.
void link_release(struct runtime *rt, struct link *link);

// Makes it one of its server's connections, with the handler at `index` of `L` and the subprotocol
// behind it.
void link_open(struct runtime *rt, struct link *link, lua_State *L, int index);

// Bytes that wait for the peer. Both counters may run over, and what is taken run ahead.
static inline uint64_t link_buffered(const struct link *link) {
  uint64_t taken = atomic_load_explicit(link->taken, memory_order_relaxed);
  int64_t waiting = (int64_t)(link->sent - taken);
  return waiting > 0 ? (uint64_t)waiting : 0;
}

// The cost of a message has been worked off: gives it back in large pieces.
void link_credit(struct runtime *rt, struct link *link, uint32_t cost);

enum link_result { LINK_SENT, LINK_IS_CLOSED, LINK_DROPPED };

// Sends a message, or does what the server's slowConsumer says.
enum link_result link_send(struct runtime *rt, struct link *link, enum ws_opcode opcode,
                           const char *data, size_t length);

// Whether another message may be queued for it. If not, LINK_IS_CLOSED or LINK_DROPPED has been
// carried out. May hand over what is pending and wait for the reactor.
enum link_result link_admit(struct runtime *rt, struct link *link);

// EVENT_SLOW: the reactor has refused it. False when this worker has done the same.
bool link_note_slow(struct link *link);

void link_close(struct runtime *rt, struct link *link, unsigned code, const char *reason,
                size_t length);
void link_destroy(struct runtime *rt, struct link *link);

// Events ---------------------------------------------------------------------------------------

// EVENT_CONNECT.
void link_on_connect(struct runtime *rt, const struct record *record);

// Any later event for a handle.
void link_on_event(struct runtime *rt, struct link *link, const struct record *record);

// EVENT_MESSAGE, the hot path of it.
void link_on_message(struct runtime *rt, struct link *link, const struct record *record);

// Tells the connection of an error from the top of the loop, in its turn.
void link_hold_error(struct runtime *rt, struct link *link, const struct err *e);

// Forgets what waits for it.
void link_drop_queue(struct link *link);

// Goes on with the links that can.
void link_run_held(struct runtime *rt);

#endif
