#ifndef MAILBOX_EVENT_H
#define MAILBOX_EVENT_H

// Events: what a reactor tells a worker. The comment names record.id and the payload.
//
// For one connection they come in this order:
//   EVENT_CONNECT, then unless it is refused: any MESSAGE and DRAIN, then CLOSING, ERROR, CLOSED.
//   CLOSED is always the last of them.
// For a client's: EVENT_DIALED, then OPENED unless it comes to nothing, and from there on the same.
// A connection whose CONNECT or DIALED has been told always gets exactly one CLOSED, unless the
// worker refuses it (after COMMAND_REFUSE its handle is dead).

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/counted.h"
#include "base/err.h"
#include "base/span.h"
#include "mailbox/batch.h"
#include "mailbox/config.h"
#include "mailbox/roster.h"

enum event_type {
  EVENT_REPLY = 1,      // call number: struct event_reply. The worker that called waits for it
  EVENT_CONNECT,        // handle: struct event_request. Answer with COMMAND_ACCEPT or _REFUSE
  EVENT_DIALED,         // handle: struct event_dialed: a client's connection is being made
  EVENT_OPENED,         // handle: the subprotocol, perhaps none: the server has accepted the client
  EVENT_ANSWER_LATE,    // handle: answerTimeout is over, the client got 503; CLOSED follows
  EVENT_REQUEST,        // handle: struct event_request. Answer with COMMAND_RESPOND or _PASS
  EVENT_REQUEST_LATE,   // handle: request_timeout is over, the client got 503
  EVENT_MESSAGE,        // handle: the payload; flags EVENT_BINARY
  EVENT_DRAIN,          // handle: the outbox is empty again
  EVENT_CLOSING,        // handle: the close frame waits for what the handler has answered so far.
                        // Answer with COMMAND_FINISH at once; CLOSED follows
  EVENT_ERROR,          // handle: struct err: the peer broke the protocol or a limit; CLOSED
                        // follows. With the flag EVENT_SLOW: a message for many has found a slow
                        // consumer
  EVENT_CLOSED,         // handle: struct event_closed
  EVENT_WEB_STOPPED,    // web id: another member has stopped it, with its WebSocket servers
  EVENT_SERVER_CLOSING, // server id: another member has closed it
  EVENT_SERVER_CLOSED,  // server id: its last connection's CLOSED has been told
  EVENT_STOP,           // -: struct event_stop. From main: shut down cleanly
  EVENT_HANGUP,         // -: struct event_hangup. From main: SIGHUP: read certificates again
  EVENT_RELOAD,         // round of the pool's ballot: -. From who has called it, and again from the
                        // last worker that has come to it (ballot.h)
  EVENT_CALL,           // number: struct event_call. From a worker: calls a function
  EVENT_ANSWER,         // number: what has become of a call that asked; flags: enum event_answer
  EVENT_KILL,           // -: -. From a worker: end when the present call has returned
  EVENT_SURVEY,         // -: -. From main: collect garbage, and tell worker_options.on_survey
  EVENT_CONSOLE,        // session: text; flags: an enum event_console, a request. From main
};

// What a session of the console asks of the worker, and what that answers (through
// worker_options.on_console); also the kinds of the frames between `luaws attach` and a server.
// Sessions are numbered by main. 0 is that of the process's own stdin; its text and errors don't go
// to main, but to stdout and stderr.
enum event_console {
  // Requests. All but COMPLETE and CLOSE bring one PROMPT each. While a line runs another one
  // isn't:
  // ERROR.
  CONSOLE_OPEN = 'O',      // a new session: GREETING
  CONSOLE_LINE = 'L',      // runs it: any TEXT and ERROR
  CONSOLE_FINISH = 'F',    // no more lines come: perhaps ERROR
  CONSOLE_COMPLETE = 'C',  // a line up to the cursor: NAMES
  CONSOLE_INTERRUPT = 'I', // cancels the line that runs; else drops what there is of a chunk
  CONSOLE_CLOSE = 'X',     // it is gone: nothing more is answered
  // Answers.
  CONSOLE_GREETING = 'G', // one line for people
  CONSOLE_TEXT = 'T',     // what a line prints, and its results
  CONSOLE_ERROR = 'E',    // what is wrong with it
  CONSOLE_PROMPT = 'P', // ">", or ">>" for the rest of a chunk; "!" behind it: the line has failed
  CONSOLE_NAMES = 'N',  // what can be added, '\t', the names that fit, blanks in between
  CONSOLE_BYE = 'B',    // main's own: why a session ends
};

#define EVENT_BINARY 1 // record.flags of EVENT_MESSAGE
#define EVENT_SLOW   1 // record.flags of EVENT_ERROR

// Flow control. Every message costs its length and a share for its record; a reactor stops reading
// a connection that owes more than the window, until the worker gives credit back
// (record.credit of any command for that handle, or COMMAND_CREDIT).
#define EVENT_WINDOW       (256 * 1024)
#define EVENT_COST(length) ((uint32_t)(length) + 64)
// What all connections of one worker may owe together; each reactor has its share.
#define EVENT_WINDOW_OVERALL (64 * 1024 * 1024)
static inline uint64_t event_window_share(unsigned reactors) {
  return EVENT_WINDOW_OVERALL / reactors;
}

// A connection's handle: slot (32 bits), generation of the slot (24 bits), reactor (8 bits).
// Never 0.
static inline uint32_t event_handle_slot(uint64_t handle) {
  return (uint32_t)handle;
}
static inline uint32_t event_handle_generation(uint64_t handle) {
  return (uint32_t)(handle >> 32) & 0xffffff;
}
static inline unsigned event_handle_reactor(uint64_t handle) {
  return (unsigned)(handle >> 56);
}

// What a handle of that reactor is called while there is none yet: none is ever equal to it.
static inline uint64_t event_handle_none(unsigned reactor) {
  return (uint64_t)reactor << 56;
}

// The references in `web`, `server` and `tls` are the receiver's.
struct event_reply {
  bool ok;
  bool is_first;               // the group is new: no other worker is a member yet
  bool is_guest;               // WEB_START: its settings are those of another pool's worker
  struct web_group *web;       // WEB_START, when ok
  struct server_group *server; // SERVER_ADD, when ok
  struct counted *tls; // WEB_START and TLS_RELOAD of the first reactor, when ok: what it has
                       // made of the certificates; NULL: there are none
  uint64_t count;      // COUNT
  struct err err;      // when not ok
};

// Offsets count from the start of this struct.
struct event_slice {
  uint32_t offset;
  uint32_t length;
};

struct event_header {
  struct event_slice name; // as sent
  struct event_slice value;
};

struct event_request {
  uint64_t connection;     // CONNECT: the public id, unique in this process, counting up
  uint64_t server;         // CONNECT: the server's id; REQUEST: the web server's
  _Atomic uint64_t *taken; // CONNECT: framed bytes of this worker's that the kernel has taken from
                           // this slot's connections so far, less those of broadcasts and
                           // publishes that wait: the reactor writes it (relaxed), modulo 2^64, the
                           // worker only reads it. Stays readable until the reactors end
  uint64_t taken_before;   // CONNECT: its value now, where this connection begins to count
  struct event_slice method;
  struct event_slice target;   // "/chat?name=ann", as sent
  struct event_slice address;  // of the client, in text; "" when it isn't known (unix socket)
  struct event_slice protocol; // CONNECT: the subprotocol chosen so far ("" for none)
  struct event_slice body;
  uint16_t port; // of the client; 0 when it isn't known
  bool secure;
  uint32_t header_count;
  uint32_t certificate_count; // what is known of the client's certificate: pairs behind the headers
  struct event_header headers[]; // both
};

static inline struct span event_slice_span(const struct event_request *r, struct event_slice s) {
  return (struct span){(const char *)r + s.offset, s.length};
}

struct event_dialed {
  uint64_t client;         // its id: COMMAND_DIAL's
  _Atomic uint64_t *taken; // as in struct event_request
  uint64_t taken_before;
};

struct event_closed {
  uint16_t code;
  bool was_clean;
  uint8_t reason_length;
  char reason[123];
};

// Behind it: names of the workers that wait for this call, the first one's first, each with a NUL;
// what is called, with a NUL; its arguments, as script/copy.h has them.
struct event_call {
  struct seat *from; // who waits for the answer, a counted reference; NULL: nobody
  uint32_t chain_length;
  uint32_t target_length;
  uint32_t arguments_length;
};

enum event_answer {
  ANSWER_RESULTS, // the results, as script/copy.h has them
  ANSWER_ERROR,   // the same: an error and its traceback
  ANSWER_FAILURE, // text: why there is no answer
};

struct event_hangup {
  uint64_t number; // of the signal: 1, 2, ...
};

struct event_stop {
  int exit_code;
};

#endif
