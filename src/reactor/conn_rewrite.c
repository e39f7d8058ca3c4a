// Sending compressed, masked, or both. Loop thread.
//
// The worker frames messages as they are, and counts those bytes as waiting. Compressed they become
// fewer, masked they become a few more: the difference counts as taken at once, so that
// bufferedAmount tells what really waits.
//
// What is made for one connection lies in the codec until it has been sent or copied to the outbox.
// So it is made and sent in portions, and no more than one portion is ever there. With context
// takeover what has been compressed must go out: whether a broadcast or publish may still wait for
// this peer is asked before. (To a client's connection neither comes.)

#include "reactor/conn_rewrite.h"

#include <assert.h>
#include <string.h>
#include "reactor/conn.h"
#include "reactor/conn_out.h"
#include "reactor/form.h"
#include "reactor/loop.h"
#include "reactor/piece.h"
#include "reactor/terms.h"
#include "ws/mask.h"

enum {
#ifdef LUAWS_TINY
  PORTION = 64,
#else
  PORTION = 64 * 1024, // of rewritten bytes
#endif
};

// What is ready to be sent.
struct portion {
  struct conn *conn;
  struct ws_deflate *deflate; // NULL: nothing is compressed
  uint32_t first;             // pieces; 0: none
  uint32_t last;
  size_t bytes;
  size_t mark; // where they begin in the reactor's pool
  bool asked;  // see conn_out_admit
};

static void send_portion(struct portion *p) {
  if (p->first) conn_out_send(p->conn, p->first);
  p->first = 0;
  p->bytes = 0;
  p->conn->reactor->piece_count = p->mark;
  ws_codec_release(p->conn->reactor->codec);
}

// Frames of one record that lie one behind the other stay one piece.
static void put(struct portion *p, const unsigned char *data, size_t length,
                struct record *fanout) {
  struct reactor *r = p->conn->reactor;
  p->bytes += length;
  struct piece *last = p->first ? &r->pieces[p->last] : NULL;
  if (last && !fanout && !last->fanout && last->data + last->length == data) {
    last->length += (uint32_t)length;
    return;
  }
  uint32_t index = piece_new(r, data, (uint32_t)length, fanout);
  if (p->first)
    r->pieces[p->last].next = index;
  else
    p->first = index;
  p->last = index;
}

static void send_if_full(struct portion *p) {
  if (ws_codec_held(p->conn->reactor->codec) >= PORTION) send_portion(p);
}

// A frame by itself, as counted by the worker: `counted` bytes of it.
static void put_made(struct portion *p, struct span frame, size_t counted) {
  conn_out_count(p->conn, (ssize_t)counted - (ssize_t)frame.n);
  put(p, (const unsigned char *)frame.p, frame.n, NULL);
  send_if_full(p);
}

// Flattened for the same reason as read_frame, for ws_mask_copy.
__attribute__((noinline, flatten)) static void mask(uint8_t *to, const char *from, size_t n,
                                                    const uint8_t *key, size_t done) {
  ws_mask_copy(to, (const uint8_t *)from, n, key, done);
}

// As much of the payload as there is room for in this portion. Returns how much.
static size_t put_masked_part(struct portion *p, struct span head, struct span payload,
                              const uint8_t *key, size_t done) {
  struct ws_codec *codec = p->conn->reactor->codec;
  size_t left = PORTION - ws_codec_held(codec), part = payload.n - done;
  size_t room = left > head.n ? left - head.n : 1;
  if (part > room) part = room;
  uint8_t *at = ws_codec_reserve(codec, head.n + part);
  memcpy(at, head.p, head.n);
  mask(at + head.n, payload.p + done, part, key, done);
  ws_codec_commit(codec, head.n + part);
  put(p, at, head.n + part, NULL);
  send_if_full(p);
  return part;
}

// The same frame, masked. It need not lie in one place: a large one is sent while it is masked.
static void put_masked(struct portion *p, const struct ws_frame_header *h, struct span payload,
                       size_t counted) {
  uint8_t key[4], bytes[WS_FRAME_HEADER_MAX];
  memcpy(key, conn_out_mask(p->conn), sizeof key);
  size_t size = ws_frame_write(bytes, (enum ws_opcode)h->opcode, h->fin, false, payload.n, key);
  struct span head = {(const char *)bytes, size};
  conn_out_count(p->conn, (ssize_t)counted - (ssize_t)(size + payload.n));
  size_t done = 0;
  do {
    done += put_masked_part(p, head, payload, key, done);
    head.n = 0;
  } while (done < payload.n && p->conn->state < CONN_LINGERING);
}

static bool is_client(const struct portion *p) {
  return p->conn->terms->is_client;
}

static bool is_wanted(const struct portion *p, const struct ws_frame_header *h) {
  return p->deflate && (h->opcode & 8) == 0 && ws_deflate_wants(p->deflate, h->length);
}

// False: see ws_deflate_frame.
static bool put_compressed(struct portion *p, const struct ws_frame_header *h, struct span payload,
                           size_t counted) {
  uint8_t bytes[4];
  const uint8_t *key = conn_out_mask(p->conn);
  if (key) key = memcpy(bytes, key, sizeof bytes);
  struct span frame;
  if (!ws_deflate_frame(p->deflate, (enum ws_opcode)h->opcode, payload, key, &frame)) return false;
  put_made(p, frame, counted);
  return true;
}

// The worker's frames are whole and sound. Flattened so that the optimiser still puts
// ws_frame_parse into the way in, where each message passes: with a call from elsewhere it would
// not.
__attribute__((noinline, flatten)) static struct span read_frame(const unsigned char *at, size_t n,
                                                                 struct ws_frame_header *h) {
  int parsed = ws_frame_parse(at, n, h);
  assert(parsed == 0 && h->length <= n - h->size);
  return (struct span){(const char *)at + h->size, h->length};
}

static void put_own(struct portion *p, const unsigned char *at, size_t n) {
  while (n > 0 && p->conn->state < CONN_LINGERING) {
    struct ws_frame_header h;
    struct span payload = read_frame(at, n, &h);
    size_t size = h.size + payload.n;
    bool is_put = is_wanted(p, &h) && put_compressed(p, &h, payload, size);
    if (!is_put && is_client(p))
      put_masked(p, &h, payload, size);
    else if (!is_put)
      put(p, at, size, NULL);
    at += size;
    n -= size;
  }
}

// Whether a message for many that the worker has not counted may wait, if it must.
static bool admit(struct portion *p, const struct piece *piece) {
  struct conn *c = p->conn;
  if (outbox_bytes(&c->outbox) + p->bytes > c->terms->config->max_backpressure) send_portion(p);
  return c->state < CONN_LINGERING && conn_out_admit(c, piece, &p->asked);
}

// From here on it is this connection's own, and counted.
static void put_for_many(struct portion *p, const struct piece *piece,
                         const struct ws_frame_header *h, struct span payload) {
  bool is_counted = piece_is_counted(piece);
  if (!is_counted && !admit(p, piece)) return;
  bool is_made = put_compressed(p, h, payload, is_counted ? piece->length : 0);
  assert(is_made); // as it always is with takeover
}

static void put_form(struct portion *p, const struct piece *piece, const struct ws_frame_header *h,
                     struct span payload) {
  struct shared *form = form_compress(p->conn->reactor, piece->fanout, p->deflate, h, payload);
  if (!form) {
    put(p, piece->data, piece->length, piece->fanout);
    return;
  }
  if (piece_is_counted(piece))
    conn_out_count(p->conn, (ssize_t)piece->length - (ssize_t)form->size);
  put(p, form->data, form->size, piece->fanout);
  send_if_full(p);
}

static void put_fanout(struct portion *p, const struct piece *piece) {
  struct ws_frame_header h;
  struct span payload = read_frame(piece->data, piece->length, &h);
  if (is_client(p)) { // counted, since it is a COMMAND_FANOUT's
    bool is_put = is_wanted(p, &h) && put_compressed(p, &h, payload, piece->length);
    if (!is_put) put_masked(p, &h, payload, piece->length);
  } else if (!is_wanted(p, &h))
    put(p, piece->data, piece->length, piece->fanout);
  else if (p->deflate->params.out_takeover)
    put_for_many(p, piece, &h, payload);
  else
    put_form(p, piece, &h, payload);
}

void conn_rewrite_flush(struct conn *c, uint32_t at) {
  struct reactor *r = c->reactor;
  assert(ws_codec_held(r->codec) == 0);
  struct portion p = {.conn = c, .mark = r->piece_count};
  if (c->session.compresses) p.deflate = ws_session_deflate(&c->session);
  while (at && c->state < CONN_LINGERING) {
    struct piece piece = r->pieces[at]; // the pool may move
    if (piece.fanout)
      put_fanout(&p, &piece);
    else
      put_own(&p, piece.data, piece.length);
    at = piece.next;
  }
  if (c->state >= CONN_LINGERING) p.first = 0;
  send_portion(&p);
}
