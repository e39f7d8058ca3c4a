#ifndef REACTOR_CONN_H
#define REACTOR_CONN_H

// One socket's life, from accept or a client's dialing to the loop's last word about it. Loop
// thread.
//
//   accepted -> REQUEST <-> HANDLING, SENDING        plain HTTP (conn_http)
//                  |
//              ANSWERING -> OPEN -> CLOSING          a WebSocket (conn_ws)
//                  |          |^       |
//                  +----------++-------+-> LINGERING -> CLOSED -> freed
//                             ||                          ^
//        a client is made -> DIALING ---------------------+  (dial)
//
// Every state but OPEN has a deadline on the reactor's wheel, and OPEN has its pings. Every way to
// end passes conn_end.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/duplex.h"
#include "base/list.h"
#include "base/wheel.h"
#include "mailbox/batch.h"
#include "net/tcp.h"
#include "reactor/outbox.h"
#include "ws/session.h"

struct address;
struct addresses_entry;
struct err;
struct exchange;
struct reactor;
struct terms;
struct tls_context;
struct topics_subscriber;
struct web;

enum conn_state {
  CONN_REQUEST,   // reads a request, or waits for one
  CONN_HANDLING,  // a plain request is at the worker's onRequest
  CONN_SENDING,   // a response goes out
  CONN_ANSWERING, // an upgrade is at the worker's onConnection
  CONN_DIALING,   // a client's: everything up to the server's 101 (dial.h has the stages)
  CONN_OPEN,
  CONN_CLOSING,   // a close frame has been sent, or waits to be
  CONN_LINGERING, // told as closed: FIN when the outbox is empty, then the peer's is awaited
  CONN_CLOSED,    // the loop is closing the handle
};

// Why a connection is not read at the moment: bits.
enum conn_pause {
  CONN_PAUSE_CREDIT = 1, // the worker owes it too much
  CONN_PAUSE_LANE = 2,   // the worker owes everybody too much
  CONN_PAUSE_RATE = 4,   // maxMessageRate
  CONN_PAUSE_HTTP = 8,   // a request must be answered first, or a close frame
};

// What few connections ever need: allocated when they do (conn_need_extra).
struct conn_extra {
  struct conn *conn;
  struct list lane_node;                // on lane.paused with CONN_PAUSE_LANE
  struct addresses_entry *address;      // with maxConnectionsPerAddress, else NULL
  struct topics_subscriber *subscriber; // NULL: it has subscribed to nothing
  unsigned char *close_reason;          // length, text; NULL: none
  struct buf *held;    // with conn.may_hold: read and not yet looked at; NULL: nothing
  unsigned char *pong; // the latest of too many pongs: length, payload; NULL: none
  int64_t rate_tokens; // with maxMessageRate: thousandths of a message that may come
  uint64_t rate_at;    // ms: when they were last counted
};

// An idle connection is nothing but this (and its slot in the registry), so that each byte counts.
// What every message touches stands first.
struct conn {
  struct tcp tcp;
  struct transport *transport; // the socket's own, or TLS over it; NULL: it has no socket yet
  struct reactor *reactor;
  struct terms
      *terms;      // its server's or client's, from ANSWERING or DIALING to its end; NULL otherwise
  uint64_t handle; // 0: no worker knows it
  struct outbox outbox;
  uint32_t received_at; // ms, the low bits: when the peer was last heard of
  uint32_t owed;        // cost of messages that the worker has not given credit for
  uint32_t first_piece;
  uint32_t last_piece;
  uint16_t close_code;  // of the close begun first; 0: nobody has begun one
  uint8_t pongs;        // in the outbox
  uint8_t state;        // enum conn_state
  uint8_t paused;       // enum conn_pause bits
  uint8_t epoch;        // the lane's at its last message
  bool has_rate;        // maxMessageRate holds for it: `extra` is there
  bool was_refused : 1; // the kernel has refused part of a write: onDrain when empty again
  bool ping_sent : 1;   // and nothing heard since
  bool may_hold : 1;    // maxMessageRate or compression: what it has sent may have to be held back
  bool rewrites : 1;    // what it sends goes through conn_rewrite
  bool peer_ends : 1;   // in LINGERING: the FIN is the server's to send first, ours answers it
  bool is_parting : 1;  // in CLOSING: the close frame waits for what the worker has still to say
  struct ws_session session; // from OPEN on
  struct conn_extra *extra;  // NULL: it needs nothing of it
  struct exchange *exchange; // its HTTP part; NULL from OPEN on
  struct web *web;           // NULL: it is a client's
  struct list member;        // on server.conns, web.conns or reactor.clients
  struct wheel_timer deadline;
  uint64_t keepalive_due; // ms: when the next ping goes out, or its answer must have come; while
                          // parting: when the closing handshake is over at the latest
  uint64_t id;            // public; 0: not yet a WebSocket
};

// Whether what the worker sends still goes out.
static inline bool conn_takes_frames(const struct conn *c) {
  return c->state == CONN_OPEN || c->is_parting;
}

// Takes over a socket that was accepted for `w`.
void conn_accept(struct web *w, int fd, const struct address *peer);

// Takes one end of a connection that is only memory.
void conn_accept_wire(struct web *w, struct duplex *d, const struct address *peer, bool is_secure);

// Who is told of a TLS transport whose owner is a connection.
const struct transport_user *conn_tls_user(void);

// Its transport is the socket itself again.
void conn_use_socket(struct conn *c);

// One in that state, without a socket, on no list.
struct conn *conn_new(struct reactor *r, enum conn_state state);

// Gives it its socket, connected and non-blocking. 0, or libuv's error: then `fd` is closed.
int conn_attach(struct conn *c, int fd);

// Frees those that have ended without ever having had a socket. In every turn of the loop, while
// nobody holds on to one.
void conn_sweep(struct reactor *r);

// Its `extra`, made when there is none.
struct conn_extra *conn_need_extra(struct conn *c);

// Asks the loop for what the state needs: reading unless paused, writing while something waits.
void conn_watch(struct conn *c);

// Stops or resumes reading for one reason.
void conn_pause(struct conn *c, enum conn_pause why);
void conn_resume(struct conn *c, enum conn_pause why);

// Moves the deadline. UINT64_MAX: none.
void conn_set_deadline(struct conn *c, uint64_t due);

enum conn_exit {
  CONN_EXIT_LINGER,  // what waits still goes out, then FIN, then the peer's FIN or the deadline
  CONN_EXIT_CLOSE,   // the socket is closed now
  CONN_EXIT_DESTROY, // and with RST
};

// An EVENT_ERROR for its worker, with these flags: returns what is to be filled at once.
struct err *conn_tell_error(struct conn *c, uint16_t flags);

// The one way out: tells the worker (once), logs, leaves the lists and counters, and lets go of
// the socket as `how` says. `why` is for the log: "closed by the peer", "no pong", ... A connection
// that lingers already is only closed, if `how` says so.
void conn_end(struct conn *c, enum conn_exit how, const char *why);

// The worker forgets the connection: its handle is dead, it leaves its server. `tell`: with an
// EVENT_CLOSED. A part of conn_end; by itself for an upgrade that is refused.
void conn_detach(struct conn *c, bool tell);

// A client whose server goes away in the midst of a frame or a message, by `error` (as below, not
// TRANSPORT_FAILED), hears of it. (To a server it is a client like any other that leaves.) Does
// nothing for others. A part of conn_lost.
void conn_tell_cut(struct conn *c, int error);

// conn_end for a socket that has failed: `error` is a negative errno, TRANSPORT_FAILED, or 0 for an
// EOF.
void conn_lost(struct conn *c, int error);

#endif
