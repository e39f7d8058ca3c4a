#ifndef REACTOR_PIECE_H
#define REACTOR_PIECE_H

// Runs of bytes that a connection gets sent this turn, for conn_out and conn_rewrite. They are in
// the reactor's pool and linked by index, since the pool may move: 0 is none. Loop thread.

#include <stdbool.h>
#include <stdint.h>
#include "mailbox/command.h"
#include "reactor/loop.h"

struct piece {
  const unsigned char *data; // in a block of commands, which stays until the turn is over; in a
                             // form (form.h); or, within conn_rewrite_flush, in the codec
  uint32_t length;
  uint32_t next;
  struct record *fanout; // the record whose frame this is, or NULL: it is this connection's alone
};

// Whether the worker has counted the piece when it sent it.
static inline bool piece_is_counted(const struct piece *piece) {
  return !piece->fanout || piece->fanout->type == COMMAND_FANOUT;
}

// A new one, linked to nothing: its index.
uint32_t piece_new(struct reactor *r, const unsigned char *data, uint32_t length,
                   struct record *fanout);

#endif
