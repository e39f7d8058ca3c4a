#ifndef MAILBOX_ROSTER_H
#define MAILBOX_ROSTER_H

// The workers of the process as they know each other: by name, to call one another, and when none
// of them has anything left to do. Calls go from one to the other under its lock, so that one is
// either before a worker's end or after it. Any thread.
//
// A worker has a *seat*: what the others hold of it, counted references, and may still hold when it
// has ended. What is called asks and answers is in event.h (EVENT_CALL, EVENT_ANSWER).

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "base/span.h"
#include "mailbox/mailbox.h"

// A worker's name, in bytes.
#define ROSTER_NAME_MAX 100

// What calls that a worker has not begun may take together: then further ones are refused. One of
// any size is taken while less than that waits.
#define ROSTER_WAITING_MAX (64 * 1024 * 1024)

// Beyond that each call comes in a block of its own, which its size must stand for.
#define ROSTER_JOINED_MAX (MAILBOX_BLOCK_SIZE / 8)

// What a call counts whose record has that size.
static inline size_t roster_cost(size_t size) {
  return size > ROSTER_JOINED_MAX && size < MAILBOX_BLOCK_SIZE ? MAILBOX_BLOCK_SIZE : size;
}

struct seat {
  atomic_uint refs;
  struct list node;        // on roster.seats
  struct mailbox *mailbox; // a reference
  char *name;
  // Of the roster's lock.
  bool is_named;   // found by its name
  bool is_leaving; // has been killed or has ended: is called no more
  size_t waiting;  // cost of the calls that it has not begun
  // Whom the call waits for that it is carrying out, and the number under which the answer comes;
  // NULL: for nobody.
  const struct seat *awaited;
  uint64_t awaits;
  // One of the same name that is still ending: before that, this one doesn't begin. NULL: none.
  const struct seat *before;
};

struct roster {
  pthread_mutex_t lock;
  struct list seats;
  unsigned busy; // workers that have something to do, and calls that have not arrived
  bool is_closed;
  // Makes a worker of that name, which looks for Lua modules in `path`; its first call counts as
  // what it has to do. NULL with *err. The lock is held.
  struct seat *(*make)(void *context, const char *name, const char *path, struct err *err);
  void (*on_quiet)(void *context); // nobody has anything left to do: any thread
  void *context;
};

// A call as a worker posts it.
struct roster_call {
  const char *name;   // whom
  const char *path;   // package.path of a worker that must be made first
  struct seat *from;  // the caller
  uint64_t number;    // under which the answer comes; 0: none is wanted
  bool is_nested;     // asked by a call that the caller is carrying out
  struct span chain;  // who waits for whom already: names, each behind a NUL
  struct span target; // what is called
  struct span arguments;
};

// `make` may be NULL: no worker can be made.
void roster_init(struct roster *r,
                 struct seat *(*make)(void *, const char *, const char *, struct err *),
                 void (*on_quiet)(void *), void *context);
// No seat may be left on it.
void roster_deinit(struct roster *r);

// With one reference, on no roster.
struct seat *seat_new(const char *name, struct mailbox *mailbox);
struct seat *seat_ref(struct seat *s);
void seat_unref(struct seat *s); // NULL is fine

// A worker that is about to run, and has something to do.
void roster_enter(struct roster *r, struct seat *s, bool is_named);

// It has ended: nothing is posted to it any more. Off the roster.
void roster_leave(struct roster *r, struct seat *s);

// A worker has something to do again; has nothing left.
void roster_rise(struct roster *r);
void roster_rest(struct roster *r);

// Posts a call. 0, or negative with *err, in words that follow a function's name.
int roster_call(struct roster *r, const struct roster_call *call, struct err *err);

// The worker has begun, or dropped, a call of that cost.
void roster_begin(struct roster *r, struct seat *s, size_t cost);

// Answers a call: `flags` and payload of EVENT_ANSWER. Takes the reference in `to`.
void roster_answer(struct roster *r, struct seat *to, uint64_t number, uint16_t flags,
                   struct span payload);

// Ends the worker of that name when its present call has returned: EVENT_KILL. False: there is
// none.
bool roster_kill(struct roster *r, const char *name);

// The same for the worker itself, whatever its name.
void roster_kill_seat(struct roster *r, struct seat *s);

// From now on no worker is made or called.
void roster_close(struct roster *r);

// Who has not ended, for people: "worker 'a', 'b'", cut to `size`.
void roster_write_names(struct roster *r, char *text, size_t size);

// Posts an event to all of them.
void roster_tell(struct roster *r, uint16_t type, const void *payload, size_t size);

#endif
