// The closing handshake. Loop thread.

#include "reactor/conn_close.h"

#include <string.h>
#include "base/mem.h"
#include "mailbox/event.h"
#include "reactor/conn.h"
#include "reactor/conn_out.h"
#include "reactor/conn_ws.h"
#include "reactor/loop.h"
#include "reactor/terms.h"

enum { PATIENCE_MS = 1000 }; // with a worker that says nothing

static void note_close(struct conn *c, unsigned code, struct span reason) {
  if (c->close_code != 0) return; // the one that was begun first counts
  c->close_code = (uint16_t)code;
  if (reason.n == 0) return;
  unsigned char *kept = conn_need_extra(c)->close_reason = mem_alloc(1 + reason.n);
  kept[0] = (unsigned char)reason.n;
  memcpy(kept + 1, reason.p, reason.n);
}

static struct span get_reason(const struct conn *c) {
  const unsigned char *kept = c->extra ? c->extra->close_reason : NULL;
  return kept ? (struct span){(const char *)kept + 1, kept[0]} : (struct span){NULL, 0};
}

static void forget_reason(struct conn *c) {
  if (!c->extra) return;
  mem_free(c->extra->close_reason);
  c->extra->close_reason = NULL;
}

static void send_close(struct conn *c, unsigned code, struct span reason) {
  uint8_t frame[WS_CONTROL_FRAME_MAX];
  size_t size = ws_session_close(&c->session, frame, code, reason, conn_out_mask(c));
  if (size > 0) conn_out_write(c, frame, size, false);
}

// The one behind which the connection ends.
static void send_last_close(struct conn *c, unsigned code, struct span reason) {
  uint8_t frame[WS_CONTROL_FRAME_MAX];
  size_t size = ws_session_close(&c->session, frame, code, reason, conn_out_mask(c));
  if (size > 0) conn_out_write_last(c, frame, size);
}

static void end_failed(struct conn *c) {
  conn_end(c, CONN_EXIT_LINGER, "the peer broke the protocol or a limit");
}

void conn_close_drained(struct conn *c) {
  if (ws_session_is_closed(&c->session)) conn_end(c, CONN_EXIT_LINGER, "closing handshake done");
}

// Close frames have gone both ways, or ours waits behind others. Nothing more is read then: the
// peer's FIN must not end the connection before they are out.
static void end_when_drained(struct conn *c) {
  if (outbox_is_empty(&c->outbox))
    conn_close_drained(c);
  else
    conn_pause(c, CONN_PAUSE_HTTP);
}

// Parting -----------------------------------------------------------------------------------------

// Whether the worker may have something to say: it has not worked off all messages since this
// connection's last. (It gives credit for those of one connection in large pieces.)
static bool has_answers(const struct conn *c) {
  const struct lane *lane = c->terms->lane;
  return c->owed > 0 && lane->owed > 0 && c->epoch == lane->epoch;
}

static void wait_for_answers(struct conn *c, uint64_t due) {
  conn_set_deadline(c, due < c->keepalive_due ? due : c->keepalive_due);
}

// From OPEN to CLOSING. False: there is nothing to wait for, the caller finishes.
static bool part(struct conn *c) {
  c->state = CONN_CLOSING;
  c->is_parting = true;
  c->keepalive_due = reactor_due(c->reactor, c->terms->config->close_timeout);
  if (!has_answers(c)) return false;
  batch_push(&c->terms->lane->batch, EVENT_CLOSING, c->handle, 0);
  conn_pause(c, CONN_PAUSE_HTTP);
  wait_for_answers(c, reactor_now(c->reactor) + PATIENCE_MS);
  return true;
}

static void tell_error(struct conn *c, unsigned code, const char *cause) {
  err_set(conn_tell_error(c, 0), ERR_LUAW, (int)code, "%s", cause);
}

void conn_close_answer(struct conn *c, unsigned code, struct span reason) {
  note_close(c, code, reason);
  if (c->state == CONN_CLOSING)
    end_when_drained(c);
  else if (!part(c))
    conn_close_finish(c);
}

void conn_close_fail(struct conn *c, unsigned code, const char *cause) {
  note_close(c, code, (struct span){NULL, 0});
  bool is_new = c->state == CONN_OPEN, waits = is_new && part(c);
  tell_error(c, code, cause);
  if (!is_new)
    end_failed(c); // our close frame is out
  else if (!waits)
    conn_close_finish(c);
}

void conn_close_finish(struct conn *c) {
  if (c->state != CONN_CLOSING || !c->is_parting) return;
  c->is_parting = false;
  conn_set_deadline(c, c->keepalive_due);
  if (c->terms->is_client && c->session.close_received)
    send_close(c, c->close_code, get_reason(c)); // the server ends the connection, in its own time
  else
    send_last_close(c, c->close_code, get_reason(c));
  if (c->state != CONN_CLOSING) return; // sending has found the socket dead
  if (c->session.close_received)
    end_when_drained(c);
  else
    end_failed(c);
}

// A server that says nothing to a client's close hasn't taken part in it: as if it were lost.
static void tell_silence(struct conn *c) {
  if (!c->terms->is_client || c->session.close_received) return;
  err_set(conn_tell_error(c, 0), ERR_UV__, UV_ETIMEDOUT,
          "the server did not answer the close in time");
  c->close_code = 0;
  forget_reason(c);
}

void conn_close_timeout(struct conn *c) {
  if (!c->is_parting) {
    tell_silence(c);
    conn_end(c, CONN_EXIT_CLOSE, "the closing handshake took too long");
    return;
  }
  uint64_t now = reactor_now(c->reactor), due = c->terms->lane->heard_at + PATIENCE_MS;
  if (now < due && now < c->keepalive_due)
    wait_for_answers(c, due);
  else
    conn_close_finish(c);
}

// Beginning ---------------------------------------------------------------------------------------

void conn_close_start(struct conn *c, unsigned code, struct span reason, uint64_t due) {
  if (c->state == CONN_CLOSING) {
    if (c->is_parting && due < c->keepalive_due) c->keepalive_due = due;
    if (!wheel_is_running(&c->deadline) || due < c->deadline.due) conn_set_deadline(c, due);
    return;
  }
  note_close(c, code, reason);
  conn_out_flush(c); // what was sent before the close goes out before it
  if (c->state != CONN_OPEN) return;
  c->state = CONN_CLOSING;
  conn_set_deadline(c, due);
  // While it closes it is read whatever it owes: its messages are dropped.
  conn_resume(c, CONN_PAUSE_CREDIT);
  conn_resume(c, CONN_PAUSE_LANE);
  conn_resume(c, CONN_PAUSE_RATE);
  send_close(c, code, reason);
  conn_ws_feed_held(c);
}

void conn_close_cut(struct conn *c, unsigned code, struct span reason) {
  bool torn = false;
  note_close(c, code, reason);
  conn_out_flush(c);
  if (c->state != CONN_OPEN) return; // the flush has ended it
  outbox_clear(&c->outbox, &torn);
  if (!torn) send_last_close(c, code, reason);
  conn_end(c, CONN_EXIT_LINGER, "slow consumer");
}
