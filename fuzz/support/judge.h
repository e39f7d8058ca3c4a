#ifndef FUZZ_JUDGE_H
#define FUZZ_JUDGE_H

// Says what a session must make of frames: found frame by frame from RFC 6455 and RFC 7692,
// plainly, rather than by the code under test. A frame is judged in the order of its bytes: what is
// wrong first ends the session, and where it shows is part of what must come.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "support/reader.h"
#include "support/zip.h"

enum length_form { LENGTH_MINIMAL, LENGTH_IN_16, LENGTH_IN_64 };

struct frame {
  uint8_t first; // byte of the header: FIN, the reserved bits, the opcode
  bool is_masked;
  enum length_form form;
  uint64_t length; // as the header says
  uint8_t key[4];
  uint8_t *payload; // unmasked
  size_t n;         // bytes of it on the wire; less than `length`: the wire ends here
};

struct judge {
  const struct reader_settings *settings; // of the session that reads the frames
  // What must come.
  struct buf events;  // as reader.h records them
  struct buf answers; // what the peer must make of the replies
  size_t ended_at;    // bytes of the wire after which a close frame or a failure is known; 0: none
  bool is_midway;     // something is incomplete behind the last frame
  uint32_t count;     // events
  bool has_closed;    // the session, of itself
  // The message in progress.
  uint8_t opcode; // 0: none
  bool is_packed;
  uint32_t fragments;
  uint64_t received;  // bytes, compressed or not
  struct buf message; // what they have become
  size_t text;        // so many of them are a text by themselves
  struct unzipper unzipper;
};

void judge_init(struct judge *j, const struct reader_settings *settings);
void judge_deinit(struct judge *j);

// The next frame, which lies from `start` to `end` of the wire. Behind the session's end nothing
// comes of it.
void judge_frame(struct judge *j, const struct frame *f, size_t start, size_t end);

#endif
