// Frames and commands on their way to a reactor. Frames are written where they will be sent from:
// straight into the block. Runs in the Lua thread.

#include "script/outgoing.h"

#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "mailbox/event.h"

enum {
  // What a reactor may lag behind, in bytes of commands, before its worker waits for it.
  BEHIND_MAX = 64 * 1024 * 1024,
  PATIENCE_MS = 1000,    // then the log is told that it waits...
  COMPLAIN_MS = 60000,   // ...once in so long
  HELP_MIN = 512 * 1024, // when the reactor waits for this very thread
};

static unsigned char *put_frame(unsigned char *at, enum ws_opcode opcode, const char *data,
                                size_t length);
static bool join_single(struct outgoing *o, uint64_t handle, enum ws_opcode opcode,
                        const char *data, size_t length);
static void keep_behind(struct outgoing *o);

static size_t pad(size_t n) {
  return (n + 7) & ~(size_t)7;
}

void outgoing_init(struct outgoing *o, struct mailbox *to, struct mailbox *owner, uint64_t window) {
  *o = (struct outgoing){.owner = owner, .consumed_max = window / 8};
  batch_init(&o->batch, to);
}

void outgoing_set_help(struct outgoing *o, bool (*help)(void *context), void *context) {
  o->help = help;
  o->help_context = context;
}

void outgoing_deinit(struct outgoing *o) {
  batch_deinit(&o->batch);
}

size_t outgoing_send(struct outgoing *o, uint64_t handle, enum ws_opcode opcode, const char *data,
                     size_t length) {
  size_t size = ws_frame_header_size(length, false) + length;
  struct record *last = o->batch.last;
  if (last && last->type == COMMAND_SEND && last->id == handle) {
    unsigned char *at = batch_extend(&o->batch, size);
    if (at) {
      put_frame(at, opcode, data, length);
      o->single = NULL;
      return size;
    }
  } else if (last && last == o->single && join_single(o, handle, opcode, data, length)) {
    return size;
  }
  struct record *r = batch_push(&o->batch, COMMAND_SEND, handle, size);
  put_frame(r->payload, opcode, data, length);
  o->single = r;
  o->data = data;
  o->length = length;
  o->opcode = opcode;
  keep_behind(o);
  return size;
}

void outgoing_publish(struct outgoing *o, uint64_t server, uint64_t except, struct span topic,
                      enum ws_opcode opcode, const char *data, size_t length) {
  size_t size = ws_frame_header_size(length, false) + length;
  struct command_publish head = {.except = except,
                                 .frame_length = (uint32_t)size,
                                 .message_length = (uint32_t)length,
                                 .topic_length = (uint32_t)topic.n};
  enum command_type type = topic.n > 0 ? COMMAND_PUBLISH : COMMAND_BROADCAST;
  struct record *r = batch_push(&o->batch, type, server, sizeof head + size + topic.n);
  memcpy(r->payload, &head, sizeof head);
  unsigned char *behind = put_frame(r->payload + sizeof head, opcode, data, length);
  if (topic.n > 0) memcpy(behind, topic.p, topic.n);
  keep_behind(o);
}

void outgoing_close(struct outgoing *o, enum command_type type, uint64_t handle, unsigned code,
                    const char *reason, size_t length) {
  struct record *r = batch_push(&o->batch, type, handle, sizeof(struct command_close));
  struct command_close *command = (struct command_close *)r->payload;
  command->code = (uint16_t)code;
  command->reason_length = (uint8_t)length;
  if (length > 0) memcpy(command->reason, reason, length);
}

void outgoing_flush(struct outgoing *o) {
  if (o->consumed > 0 && (o->consumed >= o->consumed_max || !batch_is_empty(&o->batch))) {
    uint32_t credit = o->consumed > UINT32_MAX ? UINT32_MAX : (uint32_t)o->consumed;
    struct record *r = batch_push(&o->batch, COMMAND_CONSUMED, 0, sizeof(struct command_consumed));
    r->credit = credit;
    ((struct command_consumed *)r->payload)->owner = o->owner;
    o->consumed -= credit;
  }
  o->single = NULL;
  if (batch_flush(&o->batch)) keep_behind(o);
}

bool outgoing_help(struct outgoing *o) {
  return o->help && o->help(o->help_context);
}

static void catch_up(struct outgoing *o, size_t behind) {
  while (mailbox_pending(o->batch.to) > behind && outgoing_help(o))
    ;
}

// However long that takes: without its reactor the script can do nothing, and what it has sent must
// not pile up.
static void await(struct outgoing *o) {
  while (!mailbox_wait_until_done(o->batch.to, PATIENCE_MS)) {
    if (log_is_due(&o->complained, clock_ms(), COMPLAIN_MS))
      log_warn("the script waits for an I/O thread that is held up");
  }
}

void outgoing_drain(struct outgoing *o) {
  outgoing_flush(o);
  catch_up(o, 0);
  await(o);
}

// Returns where the payload ends.
static unsigned char *put_frame(unsigned char *at, enum ws_opcode opcode, const char *data,
                                size_t length) {
  at += ws_frame_write(at, opcode, true, false, length, NULL);
  if (length > 0) memcpy(at, data, length);
  return at + length;
}

// Makes a SEND with one frame into a FANOUT with one recipient.
static bool make_fanout(struct outgoing *o, size_t frame) {
  struct record *r = o->single;
  size_t head = sizeof(struct command_fanout) + pad(frame);
  if (!batch_extend(&o->batch, head + sizeof(uint64_t) - frame)) return false;
  memmove(r->payload + sizeof(struct command_fanout), r->payload, frame);
  *(struct command_fanout *)r->payload =
      (struct command_fanout){.frame_length = (uint32_t)frame, .count = 1};
  *(uint64_t *)(r->payload + head) = r->id;
  r->type = COMMAND_FANOUT;
  r->id = 0;
  return true;
}

// A script that sends one string to many connections in a loop makes one record of it. The address
// may have been given to another string meanwhile: the bytes in the record decide.
static bool join_single(struct outgoing *o, uint64_t handle, enum ws_opcode opcode,
                        const char *data, size_t length) {
  if (data != o->data || length != o->length || opcode != o->opcode) return false;
  struct record *r = o->single;
  size_t header = ws_frame_header_size(length, false);
  size_t at = r->type == COMMAND_FANOUT ? sizeof(struct command_fanout) : 0;
  if (length > 0 && memcmp(r->payload + at + header, data, length) != 0) return false;
  if (r->type == COMMAND_SEND && !make_fanout(o, header + length)) return false;
  unsigned char *room = batch_extend(&o->batch, sizeof(uint64_t));
  if (!room) return false;
  memcpy(room, &handle, sizeof handle);
  ((struct command_fanout *)r->payload)->count++;
  return true;
}

// With the first record of a new block, or after a hand-over: lets the reactor catch up.
static void keep_behind(struct outgoing *o) {
  if (o->batch.open && o->batch.open->records > 1) return;
  catch_up(o, HELP_MIN);
  if (mailbox_pending(o->batch.to) > BEHIND_MAX) await(o);
}
