#ifndef REACTOR_LOOP_H
#define REACTOR_LOOP_H

// What the files of this folder share: the reactor's own state. Loop thread, all of it, but for
// `mailbox`, which is any thread's door.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/list.h"
#include "base/wheel.h"
#include "mailbox/config.h"
#include "mailbox/ids.h"
#include "mailbox/mailbox.h"
#include "mailbox/stats.h"
#include "net/poller.h"
#include "reactor/entropy.h"
#include "reactor/lane.h"
#include "reactor/registry.h"

// One read buffer for all connections: it is empty again when a read has been dealt with.
#ifdef LUAWS_TINY
#define REACTOR_READ_SIZE   3
#define REACTOR_GATHER_SIZE 64
#else
#define REACTOR_READ_SIZE   (512 * 1024)
#define REACTOR_GATHER_SIZE 16384
#endif

struct conn;
struct form;
struct piece;
struct wires;
struct ws_codec;

struct reactor {
  unsigned index;
  unsigned count;
  struct mailbox *mailbox;
  struct block *inbox; // taken from it and not yet carried out
  bool quitting;
  bool has_ended;   // nothing is open any more
  bool stands_in;   // posts make this thread a sleeping worker's stand-in
  bool has_adopted; // and one has

  struct wires *wires; // the connections', without a network; NULL: it has a loop
  uint64_t now;        // ms, with wires: as somebody has set it (reactor_move)

  uv_loop_t loop;       // without wires, as is all that belongs to it
  struct poller poller; // the connections' sockets
  uv_poll_t mail;       // mailbox_fd
  uv_prepare_t prepare; // before the loop waits: commands, hand-over, sleep
  uv_check_t check;     // after the poll: hand-over
  uv_timer_t timer;     // the wheel's next deadline
  struct wheel wheel;
  uint64_t due;      // ms of the loop: before that none of its deadlines is over
  unsigned put_offs; // turns in a row in which they had to wait for the sockets

  struct registry registry;
  struct list lanes;    // struct lane
  uint64_t lane_window; // what one worker may owe to this reactor
  struct list webs;     // struct web
  struct list clients;  // struct conn.member: those that clients have made
  struct list gone;     // struct conn.member: those that never had a socket, to be freed
  struct conn **dirty;  // those that have got pieces to send this turn; perhaps one twice
  size_t dirty_count;
  size_t dirty_capacity;
  struct piece *pieces; // the turn's pool of them
  size_t piece_count;
  size_t piece_capacity;
  struct form *forms;  // of fan-outs' frames, this turn's
  size_t fanout_bytes; // of records that have queued frames, while there is a codec

  struct ws_codec *codec; // of all connections that compress or mask; NULL: none has ever been here
  struct entropy entropy; // for those that mask
  struct list client_tls; // what client_tls.c keeps, the latest first
  bool is_stopping;       // COMMAND_STOP has come

  struct ids *ids;    // the process's: public ids of connections
  struct stats stats; // written here alone, read by any thread
  // ms: when the log was last told of a refused Origin, of a TLS handshake that failed, of what
  // went wrong here and is no client's fault: with a file, with a connection, with a worker that
  // comes to nothing.
  _Atomic uint64_t origin_complained, tls_complained, file_complained, conn_complained,
      busy_complained;

  unsigned char gathered[REACTOR_GATHER_SIZE]; // scratch: small pieces for one connection, together
  unsigned char read_buffer[REACTOR_READ_SIZE];
};

// Milliseconds of the loop's clock.
static inline uint64_t reactor_now(const struct reactor *r) {
  return r->wires ? r->now : uv_now(&r->loop);
}

// When a time that begins now is over; CONFIG_NONE: never, UINT64_MAX.
static inline uint64_t reactor_due(const struct reactor *r, uint64_t span) {
  return span == CONFIG_NONE ? UINT64_MAX : reactor_now(r) + span;
}

#endif
