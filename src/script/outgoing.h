#ifndef SCRIPT_OUTGOING_H
#define SCRIPT_OUTGOING_H

// The way from a worker to one reactor: frames and other commands, gathered in a batch. Lua thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "mailbox/batch.h"
#include "mailbox/command.h"
#include "ws/frame.h"

struct outgoing {
  struct batch batch;
  struct mailbox *owner;       // the worker's, by which the reactor knows it
  bool (*help)(void *context); // see worker_set_help; may be NULL
  void *help_context;
  _Atomic uint64_t complained; // ms: when the log was last told that the reactor is held up
  uint64_t consumed;           // cost of messages worked off and not yet told
  uint64_t consumed_max;       // from here on it is told though there is nothing else to tell
  // The frame that stands alone in `single`, the newest record when it was written: a SEND or a
  // FANOUT. The same one to somebody else joins it there.
  struct record *single;
  const char *data; // identity only: may be gone
  size_t length;
  enum ws_opcode opcode;
};

// `window`: what the worker may owe to that reactor (mailbox/event.h).
void outgoing_init(struct outgoing *o, struct mailbox *to, struct mailbox *owner, uint64_t window);

void outgoing_set_help(struct outgoing *o, bool (*help)(void *context), void *context);

// Nothing may be waiting in the batch.
void outgoing_deinit(struct outgoing *o);

// Frames a message to one connection. Returns the frame's size. May block for a while when the
// reactor is far behind.
size_t outgoing_send(struct outgoing *o, uint64_t handle, enum ws_opcode opcode, const char *data,
                     size_t length);

// A frame for all connections of a server, or for the subscribers of `topic` when that isn't empty,
// but for the one of the handle `except` (0: for all).
void outgoing_publish(struct outgoing *o, uint64_t server, uint64_t except, struct span topic,
                      enum ws_opcode opcode, const char *data, size_t length);

// A command about `handle` or without payload; see command.h.
void outgoing_close(struct outgoing *o, enum command_type type, uint64_t handle, unsigned code,
                    const char *reason, size_t length);

// Hands the batch over.
void outgoing_flush(struct outgoing *o);

// The script waits for this reactor: runs a turn of it, if it is this thread that must.
bool outgoing_help(struct outgoing *o);

// Hands it over and waits until the reactor has carried it out, a second at most.
void outgoing_drain(struct outgoing *o);

#endif
