// Fan-out. Nothing here ends a connection, so that what is gone through stays as it is: the frames
// are only queued, and who is too slow for them is found when they are sent (conn_out_flush). Loop
// thread.

#include "reactor/fanout.h"

#include "mailbox/command.h"
#include "reactor/conn.h"
#include "reactor/conn_out.h"
#include "reactor/endpoint.h"
#include "reactor/loop.h"
#include "reactor/server.h"

static void run_list(struct reactor *r, struct record *record) {
  const struct command_fanout *command = (const struct command_fanout *)record->payload;
  const unsigned char *frame = (const unsigned char *)(command + 1);
  const uint64_t *handles =
      (const uint64_t *)(frame + (((size_t)command->frame_length + 7) & ~(size_t)7));
  for (uint32_t i = 0; i < command->count; i++) {
    struct conn *c = registry_find(&r->registry, handles[i]);
    if (c && conn_takes_frames(c))
      conn_out_queue(c, frame, command->frame_length, record);
    else
      stats_add(&r->stats.undelivered, 1);
  }
}

static const struct command_publish *command_of(const struct record *record) {
  return (const struct command_publish *)record->payload;
}

// Each of these returns how many will get it.

static uint64_t queue(struct conn *c, struct record *record) {
  const struct command_publish *command = command_of(record);
  if (!conn_takes_frames(c) || c->handle == command->except) return 0;
  conn_out_queue(c, (const unsigned char *)(command + 1), command->frame_length, record);
  return 1;
}

static uint64_t queue_all(struct list *conns, struct record *record) {
  uint64_t count = 0;
  for (struct list *i = conns->next; i != conns; i = i->next)
    count += queue(LIST_ENTRY(i, struct conn, member), record);
  return count;
}

static uint64_t broadcast(struct endpoint *e, struct record *record) {
  uint64_t count = 0;
  for (struct list *i = e->servers.next; i != &e->servers; i = i->next)
    count += queue_all(&LIST_ENTRY(i, struct server, node)->conns, record);
  return count;
}

static uint64_t publish(struct endpoint *e, struct record *record) {
  const struct command_publish *command = command_of(record);
  const char *behind = (const char *)(command + 1) + command->frame_length;
  const struct topics_member *members;
  size_t found = topics_find(&e->topics, (struct span){behind, command->topic_length}, &members);
  uint64_t count = 0;
  for (size_t i = 0; i < found; i++)
    count += queue(members[i].owner, record);
  return count;
}

void fanout_run(struct reactor *r, struct record *record) {
  if (r->codec) r->fanout_bytes += record->length;
  if (record->type == COMMAND_FANOUT) {
    run_list(r, record);
    return;
  }
  struct server *s = server_find(r, record->id);
  if (!s) {
    stats_add(&r->stats.undelivered, 1);
    return;
  }
  bool is_broadcast = record->type == COMMAND_BROADCAST;
  uint64_t count = is_broadcast ? broadcast(s->endpoint, record) : publish(s->endpoint, record);
  stats_add(&r->stats.sent_messages, count);
  stats_add(&r->stats.sent_bytes, count * command_of(record)->message_length);
}

uint64_t fanout_count(struct reactor *r, const struct record *record) {
  const struct command_count *command = (const struct command_count *)record->payload;
  struct server *s = server_find(r, command->server);
  if (!s) return 0;
  const struct topics_member *members;
  struct span topic = {(const char *)(command + 1), command->topic_length};
  size_t found = topics_find(&s->endpoint->topics, topic, &members);
  uint64_t count = 0;
  for (size_t i = 0; i < found; i++) {
    if (((const struct conn *)members[i].owner)->state == CONN_OPEN) count++;
  }
  return count;
}

static struct span topic_of(const struct record *record) {
  return (struct span){(const char *)record->payload, record->length};
}

static struct topics *topics_of(struct conn *c) {
  return &server_of_terms(c->terms)->endpoint->topics;
}

void fanout_subscribe(struct conn *c, const struct record *record) {
  if (c->state != CONN_OPEN) return;
  topics_subscribe(topics_of(c), &conn_need_extra(c)->subscriber, c, topic_of(record));
}

void fanout_unsubscribe(struct conn *c, const struct record *record) {
  if (c->state == CONN_OPEN && c->extra)
    topics_unsubscribe(topics_of(c), &c->extra->subscriber, topic_of(record));
}
