// Sending: at first straight from where the bytes lie, then from the outbox. Loop thread.

#include "reactor/conn_out.h"

#include <string.h>
#include "base/mem.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/conn_rewrite.h"
#include "reactor/conn_ws.h"
#include "reactor/form.h"
#include "reactor/loop.h"
#include "reactor/piece.h"
#include "reactor/terms.h"

enum {
  IOV_COUNT = 64,    // runs of bytes in one call
  GATHER_MEAN = 512, // up to which mean size they are copied together
  AHEAD = 3,         // connections fetched before they are sent to
};

void conn_out_count(struct conn *c, ssize_t n) {
  if (n == 0 || c->handle == 0) return;
  _Atomic uint64_t *taken = registry_taken(&c->reactor->registry, c->handle);
  // Only this thread writes it, so that no read-modify-write is needed.
  uint64_t before = atomic_load_explicit(taken, memory_order_relaxed);
  atomic_store_explicit(taken, before + (uint64_t)n, memory_order_relaxed);
}

// Whatever goes out of a socket goes through here.
static ssize_t send_bytes(struct conn *c, const struct iovec *iov, int count, bool more) {
  ssize_t n = c->transport->ops->send(c->transport, iov, count, more);
  if (n > 0) stats_add(&c->reactor->stats.sent_wire, (uint64_t)n);
  return n;
}

static void on_outbox_empty(struct conn *c) {
  switch ((enum conn_state)c->state) {
  case CONN_SENDING: conn_http_drained(c); return;
  case CONN_OPEN:
  case CONN_CLOSING: conn_ws_drained(c); return;
  case CONN_LINGERING: c->transport->ops->finish(c->transport); return;
  case CONN_REQUEST:
  case CONN_HANDLING:
  case CONN_ANSWERING:
  case CONN_DIALING:
  case CONN_CLOSED: return;
  }
}

void conn_out_drain(struct conn *c) {
  while (!outbox_is_empty(&c->outbox)) {
    struct iovec iov[IOV_COUNT];
    int count = outbox_peek(&c->outbox, iov, IOV_COUNT);
    ssize_t n = send_bytes(c, iov, count, false);
    if (n == TRANSPORT_AGAIN) return;
    if (n < 0) {
      conn_lost(c, (int)n);
      return;
    }
    conn_out_count(c, (ssize_t)outbox_consume(&c->outbox, (size_t)n));
    if (c->state == CONN_SENDING) conn_http_taken(c);
  }
  on_outbox_empty(c);
}

const uint8_t *conn_out_mask(struct conn *c) {
  return c->terms->is_client ? entropy_take(&c->reactor->entropy, 4) : NULL;
}

static void write_bytes(struct conn *c, const void *data, size_t size, bool counted, bool more) {
  conn_out_flush(c);
  if (c->state >= CONN_LINGERING) return; // the flush has ended it
  size_t taken = 0;
  if (outbox_is_empty(&c->outbox)) {
    struct iovec iov = {(void *)data, size};
    ssize_t n = send_bytes(c, &iov, 1, more);
    if (n < 0 && n != TRANSPORT_AGAIN) {
      conn_lost(c, (int)n);
      return;
    }
    taken = n > 0 ? (size_t)n : 0;
  }
  if (counted) conn_out_count(c, (ssize_t)taken);
  if (taken == size) return;
  outbox_push(&c->outbox, (const char *)data + taken, size - taken, counted);
  conn_watch(c);
}

void conn_out_write(struct conn *c, const void *data, size_t size, bool counted) {
  write_bytes(c, data, size, counted, false);
}

void conn_out_write_last(struct conn *c, const void *data, size_t size) {
  write_bytes(c, data, size, false, true);
}

static void note_dirty(struct reactor *r, struct conn *c) {
  if (r->dirty_count == r->dirty_capacity) {
    r->dirty_capacity = r->dirty_capacity ? r->dirty_capacity * 2 : 256;
    r->dirty = mem_realloc(r->dirty, r->dirty_capacity * sizeof *r->dirty);
  }
  r->dirty[r->dirty_count++] = c;
}

uint32_t piece_new(struct reactor *r, const unsigned char *data, uint32_t length,
                   struct record *fanout) {
  if (r->piece_count >= r->piece_capacity) {
    r->piece_capacity = r->piece_capacity ? r->piece_capacity * 2 : 256;
    r->pieces = mem_realloc(r->pieces, r->piece_capacity * sizeof *r->pieces);
  }
  uint32_t index = (uint32_t)r->piece_count++;
  r->pieces[index] = (struct piece){.data = data, .length = length, .fanout = fanout};
  return index;
}

void conn_out_queue(struct conn *c, const unsigned char *data, uint32_t length,
                    struct record *fanout) {
  struct reactor *r = c->reactor;
  uint32_t index = piece_new(r, data, length, fanout);
  if (c->first_piece)
    r->pieces[c->last_piece].next = index;
  else {
    c->first_piece = index;
    note_dirty(r, c);
  }
  c->last_piece = index;
}

// Keeps what the kernel did not take of a piece. A frame that many wait for is kept once.
static void keep_piece(struct conn *c, const struct piece *piece, size_t offset) {
  if (!piece->fanout) {
    outbox_push(&c->outbox, piece->data + offset, piece->length - offset, true);
    return;
  }
  struct shared *form = form_keep(c->reactor, piece->fanout, piece->data, piece->length);
  outbox_push_shared(&c->outbox, form, offset);
}

// Only what the kernel doesn't take even now counts.
static bool is_admitted(struct conn *c, bool *asked) {
  uint64_t limit = c->terms->config->max_backpressure;
  if (outbox_bytes(&c->outbox) <= limit) return true;
  if (!*asked) conn_out_drain(c);
  *asked = true;
  if (c->state >= CONN_LINGERING) return false;
  if (outbox_bytes(&c->outbox) <= limit) return true;
  conn_ws_refuse(c);
  return false;
}

bool conn_out_admit(struct conn *c, const struct piece *piece, bool *asked) {
  struct stats *stats = &c->reactor->stats;
  if (is_admitted(c, asked)) return true;
  const struct command_publish *command = (const struct command_publish *)piece->fanout->payload;
  stats_add(&stats->sent_messages, UINT64_MAX); // less one
  stats_add(&stats->sent_bytes, -(uint64_t)command->message_length);
  return false;
}

// What counts has been admitted by the worker before it was sent; the rest is here, one by one.
static void keep_pieces(struct conn *c, uint32_t at, size_t offset) {
  const struct piece *pieces = c->reactor->pieces;
  bool asked = false;
  for (; at && c->state < CONN_LINGERING; at = pieces[at].next, offset = 0) {
    const struct piece *piece = &pieces[at];
    if (!piece_is_counted(piece)) {
      if (!conn_out_admit(c, piece, &asked)) continue;
      conn_out_count(c, -(ssize_t)(piece->length - offset));
    }
    keep_piece(c, piece, offset);
  }
  if (c->state >= CONN_LINGERING) return;
  c->was_refused = true;
  conn_watch(c);
}

// Small runs are copied together: that costs less than to have the kernel go through them.
static int gather(struct reactor *r, struct iovec *iov, int count, size_t total) {
  if (count == 1 || total > REACTOR_GATHER_SIZE || total > (size_t)count * GATHER_MEAN)
    return count;
  unsigned char *at = r->gathered;
  for (int i = 0; i < count; i++) {
    memcpy(at, iov[i].iov_base, iov[i].iov_len);
    at += iov[i].iov_len;
  }
  iov[0] = (struct iovec){r->gathered, total};
  return 1;
}

// Sends the pieces from *at on. Leaves *at, *offset where the kernel stopped (0: all taken).
// Returns 0 or a negative errno.
static int send_pieces(struct conn *c, uint32_t *at, size_t *offset) {
  const struct piece *pieces = c->reactor->pieces;
  while (*at) {
    struct iovec iov[IOV_COUNT];
    int count = 0;
    size_t total = 0;
    for (uint32_t i = *at; i && count < IOV_COUNT; i = pieces[i].next) {
      iov[count++] = (struct iovec){(void *)pieces[i].data, pieces[i].length};
      total += pieces[i].length;
    }
    count = gather(c->reactor, iov, count, total);
    ssize_t n = send_bytes(c, iov, count, false);
    if (n < 0) return n == TRANSPORT_AGAIN ? 0 : (int)n;
    size_t sent = (size_t)n, counted = 0;
    for (; *at && sent >= pieces[*at].length; *at = pieces[*at].next) {
      sent -= pieces[*at].length;
      if (piece_is_counted(&pieces[*at])) counted += pieces[*at].length;
    }
    *offset = sent;
    if (*at && piece_is_counted(&pieces[*at])) counted += sent;
    conn_out_count(c, (ssize_t)counted);
    if ((size_t)n < total) return 0;
  }
  return 0;
}

void conn_out_send(struct conn *c, uint32_t at) {
  size_t offset = 0;
  if (outbox_is_empty(&c->outbox)) {
    int result = send_pieces(c, &at, &offset);
    if (result < 0) {
      conn_lost(c, result);
      return;
    }
  }
  if (at) keep_pieces(c, at, offset);
}

void conn_out_flush(struct conn *c) {
  uint32_t at = c->first_piece;
  if (at == 0) return;
  c->first_piece = 0;
  if (c->state == CONN_CLOSED) return;
  if (c->rewrites)
    conn_rewrite_flush(c, at);
  else
    conn_out_send(c, at);
}

// Of thousands of connections none is in the processor's caches when its turn comes.
static void prefetch(const struct conn *c) {
#ifdef __GNUC__
  __builtin_prefetch(c);
  __builtin_prefetch((const char *)c + 64);
#else
  (void)c;
#endif
}

void conn_out_flush_all(struct reactor *r) {
  for (size_t i = 0; i < r->dirty_count; i++) {
    if (i + AHEAD < r->dirty_count) prefetch(r->dirty[i + AHEAD]);
    conn_out_flush(r->dirty[i]);
  }
  r->dirty_count = 0;
  r->piece_count = 1; // index 0 means none
  r->fanout_bytes = 0;
  forms_release(r);
}
