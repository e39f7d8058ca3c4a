#ifndef HTTP_LINE_H
#define HTTP_LINE_H

// One line of an HTTP message at a time, cut out of bytes that come as they like (RFC 9112 section
// 2.2, without its leniency). Pure.

#include <stddef.h>
#include "base/buf.h"
#include "base/span.h"
#include "http/message.h"

enum http_cut {
  HTTP_CUT_MORE, // all of `in` belongs to the line, and it isn't over
  HTTP_CUT_LINE, // the line is whole
  HTTP_CUT_BAD,  // *failure says why; the bad byte has been taken
};

// Moves bytes from `in` to `line`, whose own begin at `start`, up to and with CR LF. `max`: bytes
// before that. `line` has room for it all. *failure comes as what a longer line fails with; what
// may not stand in any line (a control character, CR or LF alone) fails at its byte with 400.
enum http_cut http_line_cut(struct buf *line, size_t start, struct span *in, size_t max,
                            struct http_failure *failure);

#endif
