#ifndef SCRIPT_LINK_H
#define SCRIPT_LINK_H

// A WebSocket as its worker sees it: what a server's connections (connection.h) and clients
// (websocket.h) have in common, first in both. Found by the handle that events carry. Lua thread.
//
//   CONNECTING -> CONNECTED -> CLOSING -> CLOSED
//
// Its callbacks come one after the other: while one waits, what arrives is held in a queue
// (link_events.c).

#include <lua.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "mailbox/event.h"
#include "script/object.h"
#include "script/outgoing.h"
#include "script/runtime.h"

struct link;
struct task;

enum link_state {
  LINK_CONNECTING, // onConnection has been called and has not answered yet; a client: not open yet
  LINK_CONNECTED,
  LINK_CLOSING, // closed by the script: no onMessage any more
  LINK_CLOSED,  // from onTerminate on, or refused
};

// User values of the userdata; a kind's own stand behind them.
enum { LINK_HANDLER = 1, LINK_FIELDS = 2, LINK_USER_VALUES = 2 };

// What differs between the kinds. A link's class is the first member of its kind.
struct link_kind {
  struct object_class class;
  enum call error;      // how its handler is told of an error
  enum log_level level; // how the log is told of errors that are the peer's
  bool has_server;      // else luaws.onError hears of what its callbacks raise
  unsigned (*scope)(const struct link *link); // its callbacks'; NULL: none
  struct link_config *(*config)(const struct link *link);
  // The script ends it, in whatever state it is: before anything else happens. NULL: nothing to do.
  void (*quit)(struct runtime *rt, struct link *link);
  // EVENT_OPENED; NULL where none comes.
  void (*open)(struct runtime *rt, struct link *link, const struct record *record);
  // EVENT_MESSAGE, where `keeps` is set.
  void (*keep)(struct runtime *rt, struct link *link, const struct record *record);
  // An error that ends it. False: it has been told of one before. NULL: there can be any number.
  bool (*fail)(struct link *link, const struct err *e);
  // CLOSED has come; callbacks may still wait. NULL: nothing to do.
  void (*lose)(struct runtime *rt, struct link *link, const struct event_closed *closed);
  // onTerminate is about to be called, with the event on top of `L`.
  void (*end)(struct runtime *rt, struct link *link, lua_State *L);
  // onTerminate has returned, or an onError after it.
  void (*leave)(struct runtime *rt, struct link *link);
};

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
  struct task *task;        // the callback that is running or waiting, or NULL
  struct link_queue *queue; // NULL: nothing waits
  _Atomic uint64_t *taken;  // framed bytes that the kernel has taken, of all that had this slot
  uint64_t sent;            // framed bytes handed to the reactor, counting on from *taken
  int ref;                  // keeps the userdata alive
  uint32_t done;            // cost of messages worked off and not yet given back as credit
  uint8_t state;            // enum link_state
  uint8_t data;             // enum datatype
  bool has_ended;           // EVENT_CLOSED has come: the handle is dead
  bool is_slow;             // and has been refused for it: onError is told once
  bool keeps;               // a client's: messages are kept for whoever receives them
  // The kinds' own, which would take eight bytes there:
  bool is_late;    // a connection's: answerTimeout was over before the answer
  bool is_listed;  // a connection's: in wss.connections
  bool will_retry; // a client's: it has ended, and will be dialled again
};

static inline const struct link_kind *link_kind(const struct link *link) {
  return (const struct link_kind *)link->object.class;
}

// The link of a live handle, or NULL.
static inline struct link *link_find(const struct runtime *rt, uint64_t handle) {
  unsigned reactor = event_handle_reactor(handle);
  if (reactor >= rt->outgoing_count) return NULL;
  const struct link_table *table = &rt->links[reactor];
  uint32_t slot = event_handle_slot(handle);
  struct link *link = slot < table->count ? table->slots[slot] : NULL;
  return link && link->handle == handle ? link : NULL;
}

static inline struct outgoing *link_outgoing(const struct runtime *rt, const struct link *link) {
  return &rt->outgoing[event_handle_reactor(link->handle)];
}

// Whether it has no network, and goes by that clock (script/wired.h).
static inline bool link_is_wired(const struct runtime *rt, const struct link *link) {
  return event_handle_reactor(link->handle) >= rt->reactor_count;
}

// Pushes its userdata.
static inline void link_push(lua_State *L, const struct link *link) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, link->ref);
}

// Its handle is known: events find it. `taken` and `before` are struct event_request's.
void link_register(struct runtime *rt, struct link *link, uint64_t handle, _Atomic uint64_t *taken,
                   uint64_t before);

// Its handle is dead.
void link_unregister(struct runtime *rt, struct link *link);

// Nothing will be called for it any more. The userdata lives as long as the script holds it.
void link_release(struct runtime *rt, struct link *link);

// Whether messages may be sent to it.
static inline bool link_is_open(const struct link *link) {
  return link->state == LINK_CONNECTED && !link->has_ended;
}

// A client that isn't open: whether it may still come to be, in this attempt or a later one.
static inline bool link_may_open(const struct link *link) {
  return link->state == LINK_CONNECTING || link->will_retry;
}

// Bytes that wait for the peer. Both counters may run over, and what is taken run ahead.
static inline uint64_t link_buffered(const struct link *link) {
  uint64_t taken = atomic_load_explicit(link->taken, memory_order_relaxed);
  int64_t waiting = (int64_t)(link->sent - taken);
  return waiting > 0 ? (uint64_t)waiting : 0;
}

// The cost of a message has been worked off: gives it back in large pieces.
void link_credit(struct runtime *rt, struct link *link, uint32_t cost);

// The same, where the worker's share has been given back already.
void link_give_back(struct runtime *rt, struct link *link, uint32_t cost);

enum link_result { LINK_SENT, LINK_IS_CONNECTING, LINK_IS_CLOSED, LINK_DROPPED };

// Sends a message, or does what slowConsumer says.
enum link_result link_send(struct runtime *rt, struct link *link, enum ws_opcode opcode,
                           const char *data, size_t length);

// Sends it whatever waits already. The link must be open.
void link_put(struct runtime *rt, struct link *link, enum ws_opcode opcode, const char *data,
              size_t length);

// Whether another message may be queued for it. If not, what slowConsumer says has been carried
// out. May hand over what is pending and wait for the reactor.
enum link_result link_admit(struct runtime *rt, struct link *link);

// EVENT_SLOW: the reactor has refused it. False when this worker has done the same.
bool link_note_slow(struct link *link);

// The script ends it.
void link_close(struct runtime *rt, struct link *link, unsigned code, const char *reason,
                size_t length);
void link_destroy(struct runtime *rt, struct link *link);

// Events ---------------------------------------------------------------------------------------

// Any event for a handle but CONNECT, DIALED and MESSAGE.
void link_on_event(struct runtime *rt, struct link *link, const struct record *record);

// EVENT_MESSAGE, the hot path of it.
void link_on_message(struct runtime *rt, struct link *link, const struct record *record);

// Calls onOpen. No callback may be running or waiting. `attempt` is told with it unless it is 0.
void link_start_open(struct runtime *rt, struct link *link, unsigned attempt);

// Tells the connection of an error from the top of the loop, in its turn.
void link_hold_error(struct runtime *rt, struct link *link, const struct err *e);

// Calls its onReload in its turn, unless it closes before.
void link_hold_reload(struct runtime *rt, struct link *link);

// Goes on with the links that can.
void link_run_held(struct runtime *rt);

// Forgets what waits for it.
void link_drop_queue(struct link *link);

#endif
