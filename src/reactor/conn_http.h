#ifndef REACTOR_CONN_HTTP_H
#define REACTOR_CONN_HTTP_H

// A connection's HTTP part: requests one after the other, their answers, the upgrade. Loop thread.

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "http/proxies.h"
#include "http/request.h"
#include "mailbox/command.h"
#include "net/address.h"

struct conn;

struct lane;

struct exchange {
  struct http_request *request;
  struct buf in;             // what came behind the current request
  size_t being_fed;          // bytes of the same kind that conn_http_feed is about to take
  struct http_client peer;   // who has connected
  struct http_client client; // whose request it is: the same, unless a trusted proxy says otherwise
  bool keep_alive;           // of the current request
  bool has_ended;            // the peer has sent FIN; its request is still answered
  bool is_idle;              // nothing has come of a further request
  bool is_feeding;           // conn_http_feed is running: the next request is its business
  struct lane *asked;        // in HANDLING: the worker whose onRequest it is at
  int file;                  // the static file going out, -1: none
  uint64_t file_offset;
  uint64_t file_left;
  char *tail; // what goes out behind the file, NULL: nothing
  size_t tail_length;
};

struct exchange *exchange_new(uint64_t max_body, const struct address *peer);
void exchange_free(struct exchange *x);

// Bytes have come (state REQUEST to ANSWERING).
void conn_http_feed(struct conn *c, const char *p, size_t n);

// The peer has sent FIN (the same states).
void conn_http_eof(struct conn *c);

// The kernel has taken a part of the response (state SENDING): its clock starts anew.
void conn_http_taken(struct conn *c);

// The outbox is empty (state SENDING).
void conn_http_drained(struct conn *c);

// The deadline is over (the same states).
void conn_http_timeout(struct conn *c);

// Answers of the worker: COMMAND_RESPOND, _REFUSE, _PASS.
void conn_http_respond(struct conn *c, const struct command_respond *answer);
void conn_http_pass(struct conn *c);

// A one-line answer of our own; the connection goes on if it can.
void conn_http_refuse(struct conn *c, int status, const char *text);

#endif
