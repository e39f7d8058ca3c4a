#ifndef SCRIPT_RUNTIME_H
#define SCRIPT_RUNTIME_H

// What the files of this folder share: a Lua state with its tasks, connections and servers, and the
// ways out to the reactors. It knows nothing of the thread that runs it; one at a time may. Each
// Lua state finds its runtime through runtime_of.

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/list.h"
#include "base/wheel.h"
#include "mailbox/event.h"
#include "mailbox/mailbox.h"
#include "script/alloc.h"
#include "script/budget.h"
#include "script/outgoing.h"
#include "script/worker.h"

struct job;
struct fold;
struct link;
struct runtime;
struct task;
struct trial;
struct webserver;
struct wired;

// The Lua functions of lua/luaws/calls.lua: what tasks begin with.
enum call {
  CALL_MAIN,
  CALL_CONNECTION,
  CALL_OPEN,
  CALL_MESSAGE,
  CALL_DRAIN,
  CALL_TERMINATE,
  CALL_ERROR,            // an error for a server's or a connection's handler
  CALL_CONNECTION_ERROR, // the same, falling back on the server's handler
  CALL_CLIENT_ERROR,     // the same, falling back on luaws.onError
  CALL_FAILED,           // luaws.onError
  CALL_REQUEST,
  CALL_RELOAD,
  CALL_CALLED, // a call from another worker
  CALL_ASKED,  // the same, which is answered
  CALLS,
};

enum phase {
  PHASE_RUNNING,
  PHASE_STOPPING, // servers are closing, callbacks go on
  PHASE_ENDED,    // nothing of the script is run any more
};

// A moment at which something of the runtime's shall happen.
struct deadline {
  struct wheel_timer timer;
  void (*on_due)(struct runtime *rt, struct deadline *d);
};

// The connections of one reactor, by their handles' slots.
struct link_table {
  struct link **slots;
  uint32_t count;
};

struct runtime {
  lua_State *L; // the main thread: the host's stack, on which no script ever runs
  struct alloc alloc;
  const struct worker_options *options;
  struct stats *stats;
  char *folder; // of the script, absolute: where relative paths in settings start

  struct seat *seat; // what other workers know of this one
  struct mailbox *mailbox;
  struct outgoing *outgoing; // one for each reactor, and for the wired one
  unsigned reactor_count;
  unsigned outgoing_count; // reactor_count, and one more once there are wired connections
  struct wired *wired;     // connections without a network, NULL: there have been none
  struct block *inbox;     // taken and not yet dispatched
  struct block **inbox_last;
  struct block *finished; // dispatched and not yet given back

  uint64_t now;        // ms, as of the last look at the clock
  uint64_t flushed;    // ms: when the outgoing batches were handed over
  uint64_t ticked;     // ms: when the last tick was
  unsigned tick_after; // events after which the next one comes, while there are any
  struct wheel wheel;

  struct task *current; // the one that is running, NULL at the top of the loop
  struct budget budget; // of what is running
  struct fold *fold;    // of repeated errors, NULL before the first one
  struct list ready;    // struct task
  struct list turn;     // struct task: those of the ready ones that this turn has yet to run
  struct list waiting;  // struct task
  struct task *idle;    // done, to be used again: the latest first, whose stack is still cached
  unsigned idle_count;
  struct list held; // struct link_queue that can go on

  struct link_table *links; // as many as `outgoing`
  struct list wsses;        // struct wss, until their onTerminate has returned
  struct list clients;      // struct websocket, until their onTerminate has returned
  struct list dialing;      // struct websocket, those whose handle isn't known yet
  unsigned next_reactor;    // whose the next client is
  struct list webservers;   // struct webserver, the running ones
  struct list timers;       // struct timer, the running ones
  struct list consoles;     // struct console_session
  struct webserver *default_web;

  struct list jobs; // struct job: calls from other workers that wait
  struct job *job;  // the one that is being carried out
  struct list asks; // struct ask: calls to other workers whose answers are awaited
  uint64_t last_ask;
  struct buf copied; // scratch: values for other workers
  char *worker_path; // package.path of workers that are made from here; NULL: this one's own

  uint64_t last_id;   // of web servers and WebSocket servers; the worker's index on top
  unsigned last_web;  // web servers made so far
  uint64_t last_call; // of commands that are answered

  int calls[CALLS];   // registry references
  int message_events; // registry reference: the metatable of onMessage's events
  int module;         // registry reference: what `luaws.` reads
  int reloader;       // registry reference: the module luaws.reload
  struct buf warning; // a warning of Lua's, as it comes in pieces
  struct buf text;    // scratch: JSON, header lines

  uv_loop_t loop; // luv's, once has_loop
  uv_poll_t loop_mail;
  uv_timer_t loop_timer;
  bool has_loop;

  struct trial *trial; // of `luaws test`; else NULL

  unsigned generation;        // of the script: 1, and one more with each reload
  unsigned preparing;         // the generation that is being made ready (reload.h), 0: none
  uint64_t reload_round;      // of the ballot, the latest
  struct deadline reload_due; // when that is given up
  bool awaits_save;           // --watch: the script has failed at its start, or was reloaded
  bool is_loaded;             // the main chunk has returned
  uint64_t filled;            // ms: when the memory was found full last (vm_has_room); 0: never
  bool collected;             // a cycle of the garbage collector has ended (vm.c)
  bool is_busy;               // counted as such by the roster
  bool is_killed;             // ends after its present job
  bool is_exiting;            // and takes the process along
  enum phase phase;
  int exit_code;
};

static inline struct runtime *runtime_of(lua_State *L) {
  return *(struct runtime **)lua_getextraspace(L);
}

// Opens the Lua state with everything in it. `seat` has the mailbox where its events come.
void runtime_init(struct runtime *rt, const struct worker_options *options, struct seat *seat);

// Closes the state. No task may be left.
void runtime_deinit(struct runtime *rt);

// Loads the script and starts it. What fails is told on stderr and leads to exit code 1.
void runtime_start(struct runtime *rt);

// One turn: what has come, what is due, what is ready; then hands over what that has brought.
void runtime_turn(struct runtime *rt);

// How long the next turn can wait for events: ms, UINT64_MAX for ever, 0 not at all.
uint64_t runtime_timeout(const struct runtime *rt);

// False when nothing is left that could ever call the script again.
bool runtime_is_alive(const struct runtime *rt);

// Begins the end of the process: all servers are closed; when they have ended, so has the runtime.
// A second call changes nothing.
void runtime_stop(struct runtime *rt, int exit_code);

// Begins the end of this worker alone, which has been killed.
void runtime_retire(struct runtime *rt);

// An event that counts as something to do (EVENT_CALL) has come: this worker has it now.
void runtime_take_share(struct runtime *rt);

// Gives back the memory of rt->copied after something large.
void runtime_relax_copied(struct runtime *rt);

// Whether the end has begun, here or in another worker, or main has asked for it and the worker has
// not come to that yet: reactors hear of a signal as soon as the worker does.
bool runtime_is_stopping(struct runtime *rt);

// Raises, because something can't be started any more. When that ends the script's main chunk, it
// is no failure of the script.
int runtime_refuse_start(lua_State *L, const char *what);

void runtime_deadline_init(struct deadline *d, void (*on_due)(struct runtime *, struct deadline *));

// Looks at the clock: rt->now, ms.
uint64_t runtime_clock(struct runtime *rt);

// The same for what has that scope (task.h): what wired connections have started goes by a clock
// that moves when it is told to (wired.h).
uint64_t runtime_clock_of(struct runtime *rt, unsigned scope);

// Starts a deadline by that clock; wheel_stop stops it.
void runtime_start_deadline(struct runtime *rt, unsigned scope, struct deadline *d, uint64_t due);

// When a span of `ms` that begins now is over. The machine's millisecond has begun a while ago: it
// is one more, or the span could be too short.
uint64_t runtime_due(struct runtime *rt, unsigned scope, uint64_t ms);

// Looks at the clock again, hands over replies that have been waiting for long, and runs what is
// due: for whoever has dealt with rt->tick_after events. Only from the top of the loop.
void runtime_tick(struct runtime *rt);

// Takes what the mailbox holds into the inbox. True when there was something.
bool runtime_receive(struct runtime *rt);

// Sends what has been pushed, and blocks until a reactor has answered call number `call`.
// Whatever else comes meanwhile stays in the inbox.
struct event_reply runtime_call(struct runtime *rt, uint64_t call);

#endif
