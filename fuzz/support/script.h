#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

// A wire made of whole frames, as the fuzzer's bytes choose them, most of them good, some with one
// thing wrong; and what must come of it (judge.h). So the fuzzer is deep in the protocol at once,
// and each outcome is known.

#include <stddef.h>
#include "base/buf.h"
#include "support/input.h"
#include "support/judge.h"
#include "support/reader.h"
#include "support/zip.h"

// How the peer compresses, where compression has been agreed on.
struct script_packing {
  int bits; // may be more than was agreed
  int level;
  int strategy;
};

struct script {
  const struct reader_settings *settings; // of the session that will read it
  struct buf wire;
  struct judge judge;
  // While it is made.
  struct zipper zipper;
  uint8_t how; // the message in progress is compressed
  size_t work; // bytes of all payloads so far
};

// Makes frames of all the input. A session that may skip messages gets no text, which it would
// check as far as it has kept it. `packing` may be NULL when settings->deflate is.
void script_init(struct script *s, const struct reader_settings *settings,
                 const struct script_packing *packing, struct input *in);
void script_deinit(struct script *s);

#endif
