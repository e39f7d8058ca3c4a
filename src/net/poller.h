#ifndef NET_POLLER_H
#define NET_POLLER_H

// Which of many sockets are ready. On Linux that is an epoll set of our own, which the loop watches
// through one handle: a socket costs 16 bytes, where libuv's uv_poll_t has 160, and nothing of
// libuv's is done for its events. Elsewhere each socket has a uv_poll_t. Loop thread.

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#if defined(__linux__) && !defined(LUAWS_UV_POLL)
#define POLLER_EPOLL
#include <sys/epoll.h>
#ifdef LUAWS_TINY
#define POLLER_EVENTS 2
#else
#define POLLER_EVENTS 1024
#endif
#endif

// Pieces of work of a millisecond in one turn (poller_may_toil).
#define POLLER_TOILS 4

struct poller;

// A socket as the poller knows it; part of what the owner keeps for it.
struct poll_item {
  struct poller *poller;
  int fd;         // -1: removed
  uint8_t wanted; // UV_READABLE | UV_WRITABLE
  bool is_ending; // the peer has sent FIN, or the socket has failed: behind the bytes comes an end
  bool is_due;    // on poller.due
#ifndef POLLER_EPOLL
  uv_poll_t poll;
#endif
};

struct poller {
  uv_loop_t *loop;
  void (*on_ready)(struct poll_item *item, bool readable, bool writable);
  void (*on_removed)(struct poll_item *item);
  struct poll_item **due; // to be reported once more (poller_report), NULL: removed meanwhile
  size_t due_count;
  size_t due_capacity;
  unsigned toils; // in this turn
  bool is_halted;
#ifdef POLLER_EPOLL
  int epoll;
  uv_poll_t poll;
  struct epoll_event ready[POLLER_EVENTS]; // from `at` on still to be reported
  int at;
  int count;
  struct poll_item **removed; // to be told by poller_sweep
  size_t removed_count;
  size_t removed_capacity;
#endif
};

// `on_ready`: something that an item wants is possible; an error of the socket counts as readable.
// `on_removed`: the last word about an item, whose memory is free from then on. 0, or libuv's
// error.
int poller_open(struct poller *p, uv_loop_t *loop,
                void (*on_ready)(struct poll_item *item, bool readable, bool writable),
                void (*on_removed)(struct poll_item *item));

// All items have been removed. The memory must stay until the loop has closed its handles.
void poller_close(struct poller *p);

// Watches the non-blocking socket `fd`, for reading at first. 0, or libuv's error.
int poller_add(struct poller *p, struct poll_item *item, int fd);

void poller_want(struct poll_item *item, bool readable, bool writable);

// What there was to read has not been read to its end: is reported once more. Without it, reading
// that stops early may be taken up only when further bytes come.
void poller_read_on(struct poll_item *item);

// The item is reported as readable by a poller_resume to come, if it wants that, though its socket
// may be silent.
void poller_report(struct poll_item *item);

// Whether a piece of work of about a millisecond may be done in this turn: a few may.
bool poller_may_toil(struct poller *p);

// Reports nothing any more; on_removed follows from the loop or from poller_sweep. The descriptor
// may be closed at once.
void poller_remove(struct poll_item *item);

// In on_ready: what else is ready waits for poller_resume.
void poller_halt(struct poller *p);

// Whether something waits for it.
bool poller_has_rest(const struct poller *p);

// Whether the last look at the sockets has found as many as it could: there may be more.
bool poller_is_full(const struct poller *p);

// Looks at the sockets now, rather than when the loop does, and reports those that are ready.
// Elsewhere than on Linux the loop alone can.
void poller_look(struct poller *p);

// Reports what waits.
void poller_resume(struct poller *p);

// To be called in every turn of the loop, before it waits, while nobody holds on to an item: tells
// of those that have been removed.
void poller_sweep(struct poller *p);

#endif
