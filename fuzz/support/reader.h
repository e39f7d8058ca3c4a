#ifndef FUZZ_READER_H
#define FUZZ_READER_H

// A WebSocket session that is fed, and a record of all that came of it. It holds whatever is true
// of every session: its limits, its memory, that nothing comes after the end.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "support/ledger.h"
#include "ws/session.h"

struct reader_settings {
  enum ws_role role;
  struct ws_limits limits;
  bool skips;            // messages are dropped unread
  uint32_t closes_after; // it sends a close frame after so many events, then skips; 0: never
  const struct ws_deflate_params *deflate; // NULL: compression was not agreed on
};

struct reader {
  const struct reader_settings *settings;
  struct ws_session session;
  struct ws_codec *codec; // NULL: no compression
  struct ledger ledger;   // of the session
  struct buf events;      // what came, written by the functions below
  struct buf replies;     // to the peer: pongs, pings and a close frame
  size_t fed;             // bytes so far
  uint32_t count;         // events so far
  bool has_ended;         // by a close frame or a failure
  size_t ended_at;        // bytes fed, with the piece that ended it
  const char *cause;      // of the failure
};

// `settings` must outlive it. Each has a codec of its own.
void reader_init(struct reader *r, const struct reader_settings *settings);

// Also checks that the session leaves nothing behind.
void reader_deinit(struct reader *r);

// Feeds the bytes in pieces, see input_piece.
void reader_feed(struct reader *r, const uint8_t *p, size_t n, size_t widest, uint32_t random);

// Whether the same came of both.
bool reader_equals(const struct reader *a, const struct reader *b);

// Reads the replies with a session of the other role, which must find no fault in them. Returns the
// record of what came of that, which the caller deinits.
struct buf reader_read_replies(const struct reader *r);

// The close frame that settings.closes_after is about.
#define READER_CLOSE_CODE   WS_CLOSE_NORMAL
#define READER_CLOSE_REASON "enough"

// How events are recorded, for who knows beforehand what must come. `type`: PING, PONG or CLOSE
// (with `code`), or FAIL (with `code`, without data).
void reader_record_message(struct buf *events, bool is_binary, struct span payload);
void reader_record_skipped(struct buf *events, bool is_binary, size_t length);
void reader_record(struct buf *events, enum ws_event_type type, unsigned code, struct span data);

#endif
