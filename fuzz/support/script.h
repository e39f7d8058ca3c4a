#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

// A wire made of whole frames, as the fuzzer's bytes choose them, most of them good, some with one
// thing wrong; and what a session must make of it, found frame by frame from RFC 6455 rather than
// by the code under test. So the fuzzer is deep in the protocol at once, and each outcome is known.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "support/input.h"
#include "support/reader.h"

struct script {
  const struct reader_settings *settings; // of the session that will read it
  struct buf wire;
  // What must come of it.
  struct buf events;  // as reader.h records them
  struct buf answers; // what the peer must make of the replies
  size_t ended_at;    // bytes of the wire after which a close frame or a failure is known; 0: none
  bool is_midway;     // something is incomplete at the end
  // While it is made.
  struct buf message; // in progress
  uint8_t opcode;     // of it; 0: none
  uint32_t fragments; // of it
};

// Makes frames of all the input. A session that skips messages gets no text, which it would check
// as far as it has kept it.
void script_init(struct script *s, const struct reader_settings *settings, struct input *in);
void script_deinit(struct script *s);

#endif
