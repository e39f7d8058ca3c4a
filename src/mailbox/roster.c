// Who works here. Any thread; what a seat holds beside its name and its mailbox is the lock's.

#include "mailbox/roster.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/refs.h"
#include "mailbox/batch.h"
#include "mailbox/event.h"

static struct seat *seat_of(struct list *node) {
  return LIST_ENTRY(node, struct seat, node);
}

void roster_init(struct roster *r,
                 struct seat *(*make)(void *, const char *, const char *, struct err *),
                 void (*on_quiet)(void *), void *context) {
  *r = (struct roster){.make = make, .on_quiet = on_quiet, .context = context};
  pthread_mutex_init(&r->lock, NULL);
  list_init(&r->seats);
}

void roster_deinit(struct roster *r) {
  pthread_mutex_destroy(&r->lock);
}

struct seat *seat_new(const char *name, struct mailbox *mailbox) {
  struct seat *s = mem_zalloc(sizeof *s);
  refs_init(&s->refs);
  list_init(&s->node);
  s->mailbox = mailbox_ref(mailbox);
  s->name = mem_dup_string(name);
  return s;
}

struct seat *seat_ref(struct seat *s) {
  refs_take(&s->refs);
  return s;
}

void seat_unref(struct seat *s) {
  if (!s || !refs_drop(&s->refs)) return;
  mailbox_unref(s->mailbox);
  mem_free(s->name);
  mem_free(s);
}

void roster_enter(struct roster *r, struct seat *s, bool is_named) {
  pthread_mutex_lock(&r->lock);
  s->is_named = is_named;
  list_push(&r->seats, &s->node);
  r->busy++;
  pthread_mutex_unlock(&r->lock);
}

void roster_leave(struct roster *r, struct seat *s) {
  pthread_mutex_lock(&r->lock);
  s->is_leaving = true;
  s->awaited = NULL;
  list_remove(&s->node);
  for (struct list *i = r->seats.next; i != &r->seats; i = i->next)
    if (seat_of(i)->before == s) seat_of(i)->before = NULL;
  pthread_mutex_unlock(&r->lock);
}

// What has to be done ---------------------------------------------------------------------------

void roster_rise(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  r->busy++;
  pthread_mutex_unlock(&r->lock);
}

void roster_rest(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  bool is_quiet = --r->busy == 0;
  pthread_mutex_unlock(&r->lock);
  if (is_quiet) r->on_quiet(r->context);
}

// Calls ------------------------------------------------------------------------------------------

static struct seat *find(const struct roster *r, const char *name) {
  for (struct list *i = r->seats.next; i != &r->seats; i = i->next) {
    struct seat *s = seat_of(i);
    if (s->is_named && !s->is_leaving && strcmp(s->name, name) == 0) return s;
  }
  return NULL;
}

// Puts a new worker on the roster. Lock held.
static void add_new(struct roster *r, struct seat *s) {
  for (struct list *i = r->seats.next; i != &r->seats; i = i->next)
    if (seat_of(i)->is_named && strcmp(seat_of(i)->name, s->name) == 0) s->before = seat_of(i);
  list_push(&r->seats, &s->node);
  s->is_named = true;
}

// A reference to the worker, which is made when there is none; NULL with *err.
static struct seat *find_or_make(struct roster *r, const struct roster_call *call,
                                 struct err *err) {
  pthread_mutex_lock(&r->lock);
  struct seat *s = find(r, call->name);
  if (!s && !r->is_closed && r->make) {
    s = r->make(r->context, call->name, call->path, err);
    if (s) add_new(r, s);
  } else if (!s) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "luaws is shutting down");
  }
  if (s) seat_ref(s);
  pthread_mutex_unlock(&r->lock);
  return s;
}

// Whom a worker must wait for before it can come to its next call; NULL: nobody.
static const struct seat *whom(const struct seat *s) {
  return s->before ? s->before : s->awaited;
}

// Whether the worker's present call waits, through others, for the caller, whose own one would
// wait for it: none of them would ever go on. Then *err names them. Lock held.
static bool finds_circle(const struct seat *to, const struct seat *from, struct err *err) {
  char chain[ERR_TEXT_MAX];
  size_t length = (size_t)snprintf(chain, sizeof chain, "%s -> %s", from->name, to->name);
  for (const struct seat *s = whom(to); s; s = whom(s)) {
    if (length < sizeof chain)
      length += (size_t)snprintf(chain + length, sizeof chain - length, " -> %s", s->name);
    if (s != from) continue;
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "each would wait for the other: %s", chain);
    return true;
  }
  return false;
}

static void fill(struct batch *batch, const struct roster_call *call) {
  size_t size = sizeof(struct event_call) + call->chain.n + call->target.n + call->arguments.n;
  struct record *record = batch_push(batch, EVENT_CALL, call->number, size);
  struct event_call *head = (struct event_call *)record->payload;
  *head = (struct event_call){.from = call->number ? seat_ref(call->from) : NULL,
                              .chain_length = (uint32_t)call->chain.n,
                              .target_length = (uint32_t)call->target.n,
                              .arguments_length = (uint32_t)call->arguments.n};
  char *at = (char *)(head + 1);
  const struct span parts[] = {call->chain, call->target, call->arguments};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].n > 0) memcpy(at, parts[i].p, parts[i].n);
    at += parts[i].n;
  }
}

enum outcome { POSTED, REFUSED, GONE };

// Hands the call in the batch over to `to`. GONE: that has been killed meanwhile.
static enum outcome post(struct roster *r, struct seat *to, const struct roster_call *call,
                         struct batch *batch, struct err *err) {
  enum outcome outcome = REFUSED;
  pthread_mutex_lock(&r->lock);
  if (to->is_leaving) {
    outcome = GONE;
  } else if (to->waiting >= ROSTER_WAITING_MAX) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "busy: calls of %d MiB wait for worker '%s'",
            ROSTER_WAITING_MAX >> 20, to->name);
  } else if (!call->is_nested || !finds_circle(to, call->from, err)) {
    outcome = POSTED;
    to->waiting += roster_cost(batch->last->size);
    r->busy++;
    if (call->is_nested) {
      call->from->awaited = to;
      call->from->awaits = call->number;
    }
    batch_flush(batch);
  }
  pthread_mutex_unlock(&r->lock);
  return outcome;
}

// The arguments, which may be many, are copied without the lock. A killed worker's place is taken
// by a new one, so that this ends.
int roster_call(struct roster *r, const struct roster_call *call, struct err *err) {
  enum outcome outcome;
  do {
    struct seat *to = find_or_make(r, call, err);
    if (!to) return ERR_CLOSED;
    struct batch batch;
    batch_init(&batch, to->mailbox);
    fill(&batch, call);
    outcome = post(r, to, call, &batch, err);
    if (outcome != POSTED && call->number) seat_unref(call->from);
    batch_deinit(&batch);
    seat_unref(to);
  } while (outcome == GONE);
  return outcome == POSTED ? 0 : ERR_TOO_BIG;
}

void roster_begin(struct roster *r, struct seat *s, size_t cost) {
  pthread_mutex_lock(&r->lock);
  s->waiting -= cost;
  pthread_mutex_unlock(&r->lock);
}

void roster_answer(struct roster *r, struct seat *to, uint64_t number, uint16_t flags,
                   struct span payload) {
  struct batch batch;
  batch_init(&batch, to->mailbox);
  struct record *record = batch_push(&batch, EVENT_ANSWER, number, payload.n);
  record->flags = flags;
  if (payload.n > 0) memcpy(record->payload, payload.p, payload.n);
  pthread_mutex_lock(&r->lock);
  if (to->awaits == number) to->awaited = NULL;
  batch_flush(&batch);
  pthread_mutex_unlock(&r->lock);
  batch_deinit(&batch);
  seat_unref(to);
}

// The end -----------------------------------------------------------------------------------------

static void post_event(struct mailbox *to, uint16_t type, const void *payload, size_t size) {
  struct batch batch;
  batch_init(&batch, to);
  struct record *record = batch_push(&batch, type, 0, size);
  if (size > 0) memcpy(record->payload, payload, size);
  batch_flush(&batch);
  batch_deinit(&batch);
}

// Lock held.
static void kill_seat(struct seat *s) {
  if (s->is_leaving) return;
  s->is_leaving = true;
  post_event(s->mailbox, EVENT_KILL, NULL, 0);
}

bool roster_kill(struct roster *r, const char *name) {
  pthread_mutex_lock(&r->lock);
  struct seat *s = find(r, name);
  if (s) kill_seat(s);
  pthread_mutex_unlock(&r->lock);
  return s != NULL;
}

void roster_kill_seat(struct roster *r, struct seat *s) {
  pthread_mutex_lock(&r->lock);
  kill_seat(s);
  pthread_mutex_unlock(&r->lock);
}

void roster_close(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  r->is_closed = true;
  pthread_mutex_unlock(&r->lock);
}

void roster_write_names(struct roster *r, char *text, size_t size) {
  size_t length = (size_t)snprintf(text, size, "worker");
  pthread_mutex_lock(&r->lock);
  for (struct list *i = r->seats.next; i != &r->seats && length < size; i = i->next)
    length += (size_t)snprintf(text + length, size - length, "%s '%s'",
                               i == r->seats.next ? "" : ",", seat_of(i)->name);
  pthread_mutex_unlock(&r->lock);
}

void roster_tell(struct roster *r, uint16_t type, const void *payload, size_t size) {
  pthread_mutex_lock(&r->lock);
  for (struct list *i = r->seats.next; i != &r->seats; i = i->next)
    post_event(seat_of(i)->mailbox, type, payload, size);
  pthread_mutex_unlock(&r->lock);
}
