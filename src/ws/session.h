#ifndef WS_SESSION_H
#define WS_SESSION_H

// The state of one WebSocket connection after the handshake, RFC 6455 sections 5 to 7, and RFC
// 7692: bytes in, events out; both roles. It owns no socket and reads no clock. Feeding it cannot
// fail: a peer that breaks the protocol is an outcome (WS_EVENT_FAIL with a close code and a
// cause), after which further input is ignored.
//
// Owned by the thread that owns the connection (a reactor; a worker under the test kit's fake
// wire).
//
// How it is driven:
//
//   struct ws_input in = {bytes, n};
//   while (ws_session_next(s, &in, &event)) switch (event.type) { ... }
//
// Nothing is copied on the way when a message lies whole in the input: the event announces its
// length, the caller makes room where it wants the payload, and ws_session_take unmasks it there,
// the one copy. What is incomplete is kept as it arrives (memory follows the bytes received,
// never the length that a header announces). A compressed message is inflated before it is
// announced, and taken from there.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/span.h"
#include "ws/close.h"
#include "ws/deflate.h"
#include "ws/frame.h"
#include "ws/utf8.h"

enum ws_role { WS_ROLE_SERVER, WS_ROLE_CLIENT };

enum ws_event_type {
  WS_EVENT_MESSAGE, // a whole message of `length` bytes: take it with ws_session_take, at once
  WS_EVENT_PING,    // `data`: answer it with a pong of the same payload, unless closing
  WS_EVENT_PONG,    // `data`
  WS_EVENT_CLOSE,   // the peer's close frame: `code` and `data`, its reason. The answer, if the
                    // session has not sent a close frame yet: ws_session_close with the same code
  WS_EVENT_FAIL,    // the peer broke the protocol or a limit: close with `code`; `cause` says why
};

struct ws_event {
  enum ws_event_type type;
  bool is_binary;    // MESSAGE
  unsigned code;     // CLOSE: 1005 when the frame had none; FAIL: 1002, 1007, 1008 or 1009
  size_t length;     // MESSAGE
  struct span data;  // PING, PONG, CLOSE: it lies in `control`, so it is good as long as this event
                     // is neither filled anew nor copied
  const char *cause; // FAIL: a sentence without a full stop, for onError and the log; static
  uint8_t control[WS_CONTROL_MAX];
};

struct ws_input {
  const uint8_t *p;
  size_t n;
};

// What has come of things that are incomplete; allocated while there is any. The three can wait at
// the same time: a control frame may come between the frames of a message.
struct ws_midway {
  struct buf partial;  // payload of the message in progress, unmasked and checked
  uint8_t control_len; // bytes in `control`
  uint8_t control[WS_CONTROL_MAX];
  uint8_t head_len;                  // bytes in `head`
  uint8_t head[WS_FRAME_HEADER_MAX]; // a header
};

struct ws_session {
  const struct ws_limits *limits; // when it compresses, ws_deflate's copy: see ws_session_deflate
  struct ws_midway *midway;       // NULL: nothing is incomplete
  uint64_t left;                  // payload bytes of the frame in progress still to come
  uint32_t fragments;             // frames of the message in progress
  uint8_t key[4];                 // of the frame in progress
  uint8_t opcode;                 // of the frame in progress
  bool fin;                       // of the frame in progress
  uint8_t turn;                   // where its payload's next byte stands in the key: 0 to 3
  uint8_t message_opcode;         // of the message in progress: text or binary; 0: none
  struct ws_utf8 utf8;            // of the text message in progress
  uint8_t role;                   // enum ws_role
  uint8_t phase;                  // what the input's next byte is: session.c
  bool close_sent;
  bool close_received;
  bool compresses;    // permessage-deflate was agreed on
  bool is_compressed; // the message in progress
};

// `limits` must outlive the session.
void ws_session_init(struct ws_session *s, enum ws_role role, const struct ws_limits *limits);
void ws_session_deinit(struct ws_session *s);

// Before the first byte: permessage-deflate was agreed on. The session owns `d` from now on.
void ws_session_compress(struct ws_session *s, struct ws_deflate *d);

// The owner has changed what it gave to ws_session_init: `limits` as they are now. What has been
// let in already of the message in progress stays.
void ws_session_change_limits(struct ws_session *s, const struct ws_limits *limits);

// Moves on in the input up to the next event. True: *event is filled. False: all input is used up
// (or ignored, after a close frame or a failure).
bool ws_session_next(struct ws_session *s, struct ws_input *in, struct ws_event *event);

// After WS_EVENT_MESSAGE, before anything else: writes the payload (event.length bytes) to `dst`.
// Returns true; false when it turns out not to be UTF-8: *event has become a WS_EVENT_FAIL (1007)
// and what stands in `dst` is worthless.
bool ws_session_take(struct ws_session *s, struct ws_input *in, uint8_t *dst,
                     struct ws_event *event);

// Instead of ws_session_take: drops the message unread (and, of what was still in the input,
// unchecked), as who is closing does.
void ws_session_skip(struct ws_session *s, struct ws_input *in);

// Writes a control frame into `out` (WS_CONTROL_FRAME_MAX bytes) and returns its size; 0 once a
// close frame has been sent. `key`: 4 unpredictable bytes in the client role (section 5.3), else
// NULL. data.n is at most WS_CONTROL_MAX.
size_t ws_session_ping(struct ws_session *s, uint8_t *out, struct span data, const uint8_t *key);
size_t ws_session_pong(struct ws_session *s, uint8_t *out, struct span data, const uint8_t *key);

// The same for the close frame; marks it as sent, so that a second call returns 0. `code` 1005
// writes an empty body. reason.n is at most WS_CLOSE_REASON_MAX.
size_t ws_session_close(struct ws_session *s, uint8_t *out, unsigned code, struct span reason,
                        const uint8_t *key);

// Of a session that compresses. Reached through what each has anyhow, so that no other grows by it.
static inline struct ws_deflate *ws_session_deflate(const struct ws_session *s) {
  return (struct ws_deflate *)s->limits;
}

// Whether close frames have gone both ways.
static inline bool ws_session_is_closed(const struct ws_session *s) {
  return s->close_sent && s->close_received;
}

// Whether the input goes on with a control frame.
bool ws_session_is_at_control(const struct ws_session *s, const struct ws_input *in);

// Whether a message, a control frame or a header has begun and not ended.
bool ws_session_is_midway(const struct ws_session *s);

#endif
