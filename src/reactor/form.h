#ifndef REACTOR_FORM_H
#define REACTOR_FORM_H

// What a frame for many is kept as: once as it is, for all outboxes in which it must wait, and
// compressed once for all connections that have agreed on the same. Forms stay until the turn's
// flush is over, and what waits in outboxes as long as it must. Loop thread.

#include <stdint.h>
#include "base/span.h"
#include "mailbox/shared.h"

struct form; // private
struct reactor;
struct record;
struct ws_deflate;
struct ws_frame_header;

// The shared bytes of a piece of that record: of the form that `data` lies in, or of a copy of it.
struct shared *form_keep(struct reactor *r, struct record *record, const unsigned char *data,
                         uint32_t length);

// The record's frame (`payload` of its header) compressed by `d`, which has no takeover. NULL: it
// is to be sent as it is. Adds to what the codec holds.
struct shared *form_compress(struct reactor *r, struct record *record, struct ws_deflate *d,
                             const struct ws_frame_header *header, struct span payload);

// The flush is over.
void forms_release(struct reactor *r);

#endif
