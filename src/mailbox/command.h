#ifndef MAILBOX_COMMAND_H
#define MAILBOX_COMMAND_H

// Commands: what a worker tells a reactor. The comment names record.id and the payload. A command
// for a dead handle is dropped and counted. Any command for a handle may carry record.credit.

#include <stdint.h>
#include "base/counted.h"
#include "mailbox/batch.h"
#include "mailbox/config.h"

enum command_type {
  COMMAND_WEB_START = 1, // call number: struct command_web. EVENT_REPLY follows: listening or not
  COMMAND_WEB_UPDATE,    // call number: struct command_web: what can change on a running one (not
                         // host and port), for all members. EVENT_REPLY follows
  COMMAND_WEB_UNLISTEN,  // call number: struct command_unlisten: stops listening. EVENT_REPLY
                         // follows. With several reactors all do that before any gets WEB_STOP:
                         // who has seen a 1001 must find the port closed
  COMMAND_WEB_STOP,      // web id: struct command_close_server: for all members, stops listening,
                         // ends plain HTTP connections, closes its WebSocket servers. The other
                         // members get EVENT_WEB_STOPPED
  COMMAND_WEB_LEAVE,     // call number: struct command_web_leave: the member leaves, which has
                         // closed its WebSocket servers; the others go on. EVENT_REPLY follows,
                         // not ok for the last one: its COMMAND_WEB_STOP must follow. The first
                         // reactor decides
  COMMAND_SERVER_ADD,    // call number: struct command_server. EVENT_REPLY follows: its path
                         // answers, or is taken (struct err)
  COMMAND_SERVER_UPDATE, // call number: struct command_server, no group. The server of that id goes
                         // on with another configuration (of the same path and web server), its
                         // open connections too, but for what they have agreed on with their
                         // clients. EVENT_REPLY follows
  COMMAND_SERVER_CLOSE,  // server id: struct command_close_server. Closes the connections of all
                         // members with 1001; the other members get EVENT_SERVER_CLOSING, and each
                         // its EVENT_SERVER_CLOSED behind its last CLOSED. Again: only shortens.
                         // A member may also leave alone
  COMMAND_TLS_RELOAD,  // call number: struct command_web, with a configuration whose `tls` is read
                       // anew; of it nothing else counts. EVENT_REPLY follows: new connections
                       // are shown the new certificates, or the old ones stay (struct err)
  COMMAND_DIAL,        // client id: struct command_dial. EVENT_DIALED follows at once, then what
                       // becomes of it
  COMMAND_ACCEPT,      // handle: struct command_accept: answers CONNECT with a 101
  COMMAND_REFUSE,      // handle: struct command_respond: answers CONNECT with something else
  COMMAND_RESPOND,     // handle: struct command_respond: answers REQUEST
  COMMAND_PASS,        // handle: REQUEST is left to the static files, else 426 or 404
  COMMAND_SEND,        // handle: one or more whole frames (server role, unmasked), back to back
  COMMAND_FANOUT,      // -: struct command_fanout: one frame for many
  COMMAND_BROADCAST,   // server id: struct command_publish, no topic: to all connections of all
                       // members
  COMMAND_PUBLISH,     // server id: struct command_publish: to the topic's subscribers
  COMMAND_SUBSCRIBE,   // handle: a topic or pattern (topic.h)
  COMMAND_UNSUBSCRIBE, // handle: a topic or pattern
  COMMAND_COUNT,       // call number: struct command_count. EVENT_REPLY follows: a topic's
                       // subscribers in this reactor
  COMMAND_CLOSE,       // handle: struct command_close: starts the closing handshake
  COMMAND_FINISH,   // handle: -: the answer to EVENT_CLOSING: nothing more is to go out before the
                    // close frame
  COMMAND_FAIL,     // handle: struct command_close: fails the connection; what waits for it is
                    // dropped, and no EVENT_ERROR follows: the worker has told already
  COMMAND_DESTROY,  // handle: drops the socket at once
  COMMAND_PING,     // handle: up to 125 bytes of payload
  COMMAND_CREDIT,   // handle: only record.credit
  COMMAND_CONSUMED, // -: record.credit: what the worker has worked off from this reactor, all
                    // connections together (EVENT_WINDOW_OVERALL)
  COMMAND_FORGET,   // -: struct command_forget: the worker's last command: it has ended
  COMMAND_STOP,     // -: from main: no new connections; 1001 to every open one
  COMMAND_QUIT,     // -: from main, last: destroys every socket and ends the thread
};

// Ownership of the references goes with the command.
struct command_web {
  struct web_config *config;
  struct mailbox *reply_to;
  struct web_group *group; // START: NULL for the first reactor, which decides; the others are told
                           // what it has answered. UPDATE, TLS_RELOAD: NULL
  struct counted *tls; // the certificates, made ready by the first reactor: what it has answered.
                       // NULL for itself, and where there is no TLS
};

struct command_dial {
  struct client_config *config;
};

struct command_server {
  struct server_config *config;
  struct mailbox *reply_to;
  struct server_group *group; // a new one for the first reactor, which may answer another one: the
                              // others are told that
};

struct command_unlisten {
  uint64_t web; // its id
  struct mailbox *reply_to;
};

struct command_web_leave {
  uint64_t web; // its id
  struct mailbox *reply_to;
};

struct command_forget {
  struct mailbox *owner; // whose events would come to nobody; a counted reference
};

struct command_consumed {
  struct mailbox *owner; // whose connections these are: the worker's own mailbox
};

struct command_close_server {
  uint64_t timeout; // ms; 0: sockets are destroyed at once; CONFIG_NONE: the server's closeTimeout
  bool is_leaving;  // SERVER_CLOSE: only this member's connections, if others go on
};

// Behind it: the subprotocol, then header lines, each with CR LF.
struct command_accept {
  uint32_t protocol_length;
  uint32_t headers_length;
};

// Behind it: header lines (each with CR LF, without those that luaws writes itself), then the body.
struct command_respond {
  uint32_t status;
  uint32_t headers_length;
  uint32_t body_length;
};

struct command_close {
  uint16_t code;
  uint8_t reason_length;
  char reason[123];
};

// Behind it: the frame, padded to a multiple of 8, then the handles (uint64_t).
struct command_fanout {
  uint32_t frame_length;
  uint32_t count;
};

// Behind it: the frame, then the topic (no pattern).
struct command_publish {
  uint64_t except; // handle of the connection that is left out, 0: none
  uint32_t frame_length;
  uint32_t message_length; // the frame's payload
  uint32_t topic_length;
};

// Behind it: the topic (no pattern).
struct command_count {
  uint64_t server; // its id
  struct mailbox *reply_to;
  uint32_t topic_length;
};

#endif
