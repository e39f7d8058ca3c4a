#ifndef MAILBOX_BALLOT_H
#define MAILBOX_BALLOT_H

// A pool's workers agree on a reload: all run the new code, or none does.
//
//   call    somebody wants a reload: EVENT_RELOAD goes to all workers
//   come    each says that it is between two events. Nobody waits for the others yet: one that is
//           stuck in a callback keeps nobody from working. The last one to come sends EVENT_RELOAD
//           to the others again
//   vote    each prepares the new code, says whether that has worked, and waits for the verdict,
//           which comes soon: all were at hand just now
//   finish  each has taken the new code over, or gone back to the old
//
// A voter is a worker's index in its pool. Any thread; what a voter calls only from its own.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ballot;
struct mailbox;

enum { BALLOT_VOTERS_MAX = 64, BALLOT_TEXT_MAX = 8192 };

// What has become of a round, for the one who tells of it.
struct ballot_result {
  bool is_done;               // all have the new code
  uint64_t took;              // ns since it was called
  unsigned failed;            // whose reason `why` is
  unsigned voters;            // how many took part
  char what[BALLOT_TEXT_MAX]; // why it was called
  char why[BALLOT_TEXT_MAX];  // when not done: the first reason. "": all just end
};

// `come_ms`: how long those who have come wait for the others; `vote_ms`: and those who have voted.
struct ballot *ballot_new(uint64_t come_ms, uint64_t vote_ms);
void ballot_free(struct ballot *b);

// Before the threads start: the next voter, whose mailbox must stay until ballot_free.
void ballot_add(struct ballot *b, struct mailbox *mailbox);

// Asks for a reload, because of `what`: "rooms.lua", "SIGHUP", ...; for the log. While one is under
// way that nobody has prepared yet, that is the one; else there will be another one behind it.
// False: there will be none any more.
bool ballot_call(struct ballot *b, const char *what);

// The end: no reload from now on, and who waits for a verdict goes back to the old code.
void ballot_close(struct ballot *b);

enum ballot_step {
  BALLOT_STALE,   // that round is over
  BALLOT_WAIT,    // for the others: call ballot_expire in ballot_patience ms
  BALLOT_PREPARE, // all have come: prepare, then vote
};

// EVENT_RELOAD of `round` has come to the voter.
enum ballot_step ballot_come(struct ballot *b, unsigned voter, uint64_t round);
uint64_t ballot_patience(const struct ballot *b);

// Gives the round up if still not all have come. True: it has, the caller shall tell.
bool ballot_expire(struct ballot *b, uint64_t round, struct ballot_result *result);

// `why`: NULL, or the reason why it can't be done. Waits for the verdict: whether to take the new
// code over. ballot_finish must follow when that, or the way back, is done.
bool ballot_vote(struct ballot *b, unsigned voter, uint64_t round, const char *why);

// Fills the result, in any case. True: the caller shall tell. That is one of them: the last one if
// it is done, else the one who knew first.
bool ballot_finish(struct ballot *b, unsigned voter, uint64_t round, struct ballot_result *result);

// This voter has ended: the others go on without it.
void ballot_leave(struct ballot *b, unsigned voter);

#endif
