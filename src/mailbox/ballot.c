// The ballot. Everything in it may be touched by whoever holds the lock.

#include "mailbox/ballot.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/mem.h"
#include "mailbox/batch.h"
#include "mailbox/event.h"

enum stage {
  STAGE_IDLE,
  STAGE_CALLING, // not all have come yet
  STAGE_VOTING,  // all have; the verdict may have come
};

enum verdict { VERDICT_NONE, VERDICT_DO, VERDICT_DO_NOT };

_Static_assert(BALLOT_VOTERS_MAX == 64, "sets of voters are words");

struct ballot {
  pthread_mutex_t lock;
  pthread_cond_t decided;
  uint64_t come_ms, vote_ms;
  struct mailbox *mailboxes[BALLOT_VOTERS_MAX];
  unsigned count;
  // Sets of voters, a bit each.
  uint64_t members;  // that have not ended
  uint64_t voters;   // of this round
  uint64_t come;     // of those, in this round
  uint64_t begun;    // and who have gone to prepare
  uint64_t ready;    // and have
  uint64_t finished; // and are through with it
  uint64_t round;
  uint64_t called; // ns: when it was
  enum stage stage;
  enum verdict verdict;
  unsigned teller; // who has found out that it can't be done
  unsigned failed; // because of whom
  bool is_wanted;  // another round, behind this one
  bool is_closed;
  char what[BALLOT_TEXT_MAX], next_what[BALLOT_TEXT_MAX], why[BALLOT_TEXT_MAX];
};

static uint64_t bit(unsigned voter) {
  return UINT64_C(1) << voter;
}

static unsigned count_bits(uint64_t set) {
  unsigned n = 0;
  for (; set; set &= set - 1)
    n++;
  return n;
}

static unsigned first_of(uint64_t set) {
  unsigned voter = 0;
  while (voter < BALLOT_VOTERS_MAX - 1 && !(set & bit(voter)))
    voter++;
  return voter;
}

struct ballot *ballot_new(uint64_t come_ms, uint64_t vote_ms) {
  struct ballot *b = mem_zalloc(sizeof *b);
  b->come_ms = come_ms;
  b->vote_ms = vote_ms;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&b->decided, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&b->lock, NULL);
  return b;
}

void ballot_free(struct ballot *b) {
  if (!b) return;
  pthread_cond_destroy(&b->decided);
  pthread_mutex_destroy(&b->lock);
  mem_free(b);
}

void ballot_add(struct ballot *b, struct mailbox *mailbox) {
  assert(b->count < BALLOT_VOTERS_MAX);
  b->members |= bit(b->count);
  b->mailboxes[b->count++] = mailbox;
}

// Rounds: the lock is held ------------------------------------------------------------------------

static void post(struct mailbox *to, uint64_t round) {
  struct batch batch;
  batch_init(&batch, to);
  batch_push(&batch, EVENT_RELOAD, round, 0);
  batch_flush(&batch);
  batch_deinit(&batch);
}

static void post_to(struct ballot *b, uint64_t voters) {
  for (unsigned i = 0; i < b->count; i++)
    if (voters & bit(i)) post(b->mailboxes[i], b->round);
}

static void open_round(struct ballot *b) {
  if (b->members == 0) return;
  b->round++;
  b->called = clock_ns();
  b->voters = b->members;
  b->come = b->begun = b->ready = b->finished = 0;
  b->verdict = VERDICT_NONE;
  b->why[0] = '\0';
  b->stage = STAGE_CALLING;
  post_to(b, b->voters);
}

static void close_round(struct ballot *b) {
  b->stage = STAGE_IDLE;
  bool goes_on = b->is_wanted && !b->is_closed;
  b->is_wanted = false;
  memcpy(b->what, b->next_what, sizeof b->what);
  b->next_what[0] = '\0';
  if (goes_on) open_round(b);
}

static void decide(struct ballot *b, enum verdict verdict) {
  b->verdict = verdict;
  pthread_cond_broadcast(&b->decided);
}

static void refuse(struct ballot *b, unsigned teller, unsigned failed, const char *why) {
  b->teller = teller;
  b->failed = failed;
  snprintf(b->why, sizeof b->why, "%s", why);
  decide(b, VERDICT_DO_NOT);
}

static bool is_current(const struct ballot *b, unsigned voter, uint64_t round) {
  return round == b->round && b->stage != STAGE_IDLE && b->voters & bit(voter);
}

// What all have come to, when one of them has made a step or there is one less.
static void look_again(struct ballot *b) {
  if (b->stage == STAGE_CALLING && b->come == b->voters) b->stage = STAGE_VOTING;
  if (b->stage == STAGE_VOTING && b->verdict == VERDICT_NONE && b->ready == b->voters)
    decide(b, VERDICT_DO);
  if (b->stage == STAGE_VOTING && b->finished == b->voters) close_round(b);
}

static bool is_listed(const char *list, const char *what) {
  size_t n = strlen(what);
  for (const char *at = list; (at = strstr(at, what)); at++) {
    bool begins = at == list || at[-1] == ' ';
    if (begins && (at[n] == '\0' || at[n] == ',')) return true;
  }
  return false;
}

static void note(char *list, const char *what) {
  size_t used = strlen(list);
  if (*what == '\0' || is_listed(list, what)) return;
  snprintf(list + used, BALLOT_TEXT_MAX - used, "%s%s", used ? ", " : "", what);
}

// Any thread --------------------------------------------------------------------------------------

bool ballot_call(struct ballot *b, const char *what) {
  pthread_mutex_lock(&b->lock);
  bool is_open = !b->is_closed && b->members != 0;
  if (is_open && b->stage == STAGE_VOTING) {
    b->is_wanted = true;
    note(b->next_what, what);
  } else if (is_open) {
    note(b->what, what);
    if (b->stage == STAGE_IDLE) open_round(b);
  }
  pthread_mutex_unlock(&b->lock);
  return is_open;
}

void ballot_close(struct ballot *b) {
  pthread_mutex_lock(&b->lock);
  b->is_closed = true;
  if (b->stage == STAGE_VOTING && b->verdict == VERDICT_NONE)
    refuse(b, first_of(b->voters), first_of(b->voters), "");
  if (b->stage == STAGE_CALLING) b->stage = STAGE_IDLE;
  pthread_mutex_unlock(&b->lock);
}

// Voters ------------------------------------------------------------------------------------------

enum ballot_step ballot_come(struct ballot *b, unsigned voter, uint64_t round) {
  enum ballot_step step = BALLOT_STALE;
  pthread_mutex_lock(&b->lock);
  if (is_current(b, voter, round) && !(b->begun & bit(voter))) {
    bool was_calling = b->stage == STAGE_CALLING;
    b->come |= bit(voter);
    look_again(b);
    step = b->stage == STAGE_VOTING ? BALLOT_PREPARE : BALLOT_WAIT;
    if (step == BALLOT_PREPARE) b->begun |= bit(voter);
    if (step == BALLOT_PREPARE && was_calling) post_to(b, b->voters & ~bit(voter));
  }
  pthread_mutex_unlock(&b->lock);
  return step;
}

uint64_t ballot_patience(const struct ballot *b) {
  return b->come_ms;
}

static void fill(const struct ballot *b, struct ballot_result *result) {
  result->is_done = b->verdict == VERDICT_DO;
  result->took = clock_ns() - b->called;
  result->failed = b->failed;
  result->voters = count_bits(b->voters);
  memcpy(result->what, b->what, sizeof result->what);
  memcpy(result->why, b->why, sizeof result->why);
}

static void refuse_late(struct ballot *b, unsigned teller, uint64_t missing, const char *what,
                        uint64_t ms) {
  unsigned voter = first_of(missing);
  char why[80];
  snprintf(why, sizeof why, "worker %u has not %s within %.3g s", voter + 1, what,
           (double)ms / 1000);
  refuse(b, teller, voter, why);
}

bool ballot_expire(struct ballot *b, uint64_t round, struct ballot_result *result) {
  pthread_mutex_lock(&b->lock);
  bool has_expired = round == b->round && b->stage == STAGE_CALLING;
  if (has_expired) {
    refuse_late(b, 0, b->voters & ~b->come, "come to the reload", b->come_ms);
    fill(b, result);
    close_round(b);
  }
  pthread_mutex_unlock(&b->lock);
  return has_expired;
}

static struct timespec moment_in(uint64_t ms) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += (time_t)(ms / 1000);
  t.tv_nsec += (long)(ms % 1000) * 1000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  return t;
}

// Who hasn't voted by then has no part in the round any more.
static void await_verdict(struct ballot *b, unsigned voter) {
  struct timespec until = moment_in(b->vote_ms);
  int result = 0;
  while (b->verdict == VERDICT_NONE && result == 0)
    result = pthread_cond_timedwait(&b->decided, &b->lock, &until);
  if (b->verdict != VERDICT_NONE) return;
  uint64_t missing = b->voters & ~b->ready;
  b->voters &= b->ready;
  refuse_late(b, voter, missing, "prepared the reload", b->vote_ms);
}

bool ballot_vote(struct ballot *b, unsigned voter, uint64_t round, const char *why) {
  pthread_mutex_lock(&b->lock);
  bool is_wanted = false;
  if (is_current(b, voter, round)) {
    if (why && b->verdict == VERDICT_NONE) refuse(b, voter, voter, why);
    if (!why) b->ready |= bit(voter);
    look_again(b);
    await_verdict(b, voter);
    is_wanted = b->verdict == VERDICT_DO;
  }
  pthread_mutex_unlock(&b->lock);
  return is_wanted;
}

bool ballot_finish(struct ballot *b, unsigned voter, uint64_t round, struct ballot_result *result) {
  *result = (struct ballot_result){.is_done = false};
  pthread_mutex_lock(&b->lock);
  bool tells = false;
  if (is_current(b, voter, round)) {
    b->finished |= bit(voter);
    bool is_last = b->finished == b->voters;
    tells = b->verdict == VERDICT_DO ? is_last : b->teller == voter;
    fill(b, result);
    look_again(b);
  }
  pthread_mutex_unlock(&b->lock);
  return tells;
}

void ballot_leave(struct ballot *b, unsigned voter) {
  pthread_mutex_lock(&b->lock);
  b->members &= ~bit(voter);
  bool takes_part = b->stage != STAGE_IDLE && b->voters & bit(voter);
  if (takes_part) {
    bool was_calling = b->stage == STAGE_CALLING;
    b->voters &= ~bit(voter);
    b->come &= ~bit(voter);
    b->ready &= ~bit(voter);
    b->finished &= ~bit(voter);
    look_again(b);
    if (was_calling && b->stage == STAGE_VOTING) post_to(b, b->voters);
  }
  pthread_mutex_unlock(&b->lock);
}
