#ifndef REACTOR_DIAL_H
#define REACTOR_DIAL_H

// How a client's connection comes to be open: its state DIALING, from a host's name to the server's
// 101. Loop thread.
//
//   RESOLVE -> CONNECT ------------> UPGRADE -> the connection is OPEN
//                  |                    ^
//                  +-----> TUNNEL ------+
//
// With a proxy the first two stages are about that, and TUNNEL asks it for the way to the server.
// TLS, where it is asked for, lies over the socket from UPGRADE on; to the proxy itself, where its
// URL is https, from TUNNEL on, so that the server's lies over that. connectTimeout is over all
// stages, and whatever goes wrong in one of them is told in words for people: EVENT_ERROR, then
// EVENT_CLOSED with 1006.

#include <stddef.h>

struct conn;
struct dial;

// Begins (state DIALING).
void dial_start(struct conn *c);

// Gives up what is under way. NULL is fine. A part of conn_end.
void dial_free(struct dial *d);

// Bytes have come; the peer has finished; the socket has failed, with what recv or send has
// returned; connectTimeout is over. All in state DIALING.
void dial_feed(struct conn *c, const unsigned char *p, size_t n);
void dial_eof(struct conn *c);
void dial_lost(struct conn *c, int error);
void dial_timeout(struct conn *c);

#endif
