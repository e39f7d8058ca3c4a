#ifndef WS_CLOSE_H
#define WS_CLOSE_H

// Close codes and the body of a close frame, RFC 6455 sections 5.5.1 and 7.4. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

enum ws_close_code {
  WS_CLOSE_NORMAL = 1000,
  WS_CLOSE_GOING_AWAY = 1001,
  WS_CLOSE_PROTOCOL_ERROR = 1002,
  WS_CLOSE_UNSUPPORTED = 1003,
  WS_CLOSE_NO_STATUS = 1005,       // never on the wire: a close frame without a code
  WS_CLOSE_ABNORMAL = 1006,        // never on the wire: lost without a close frame
  WS_CLOSE_INVALID_PAYLOAD = 1007, // not UTF-8, or corrupt compressed data
  WS_CLOSE_POLICY = 1008,
  WS_CLOSE_TOO_BIG = 1009,
  WS_CLOSE_MANDATORY_EXTENSION = 1010,
  WS_CLOSE_INTERNAL_ERROR = 1011,
};

#define WS_CLOSE_REASON_MAX 123 // 125 less the code

// May a peer send this code? 1000-1003, 1007-1014, 3000-4999 (IANA's registry of 2024).
bool ws_close_code_is_valid(unsigned code);

// May a script send it? 1000, 3000-4999, as the browser's API has it.
bool ws_close_code_is_for_scripts(int64_t code);

// Reads a close frame's body. Returns 0, or ERR_INVALID (1 byte, a forbidden code), or
// ERR_CLOSE_REASON_UTF8 for a reason that isn't UTF-8. An empty body gives WS_CLOSE_NO_STATUS.
// *reason points into `p`.
#define ERR_CLOSE_REASON_UTF8 (-5101)
int ws_close_parse(const uint8_t *p, size_t n, unsigned *code, struct span *reason);

// Writes a body of up to WS_CONTROL_MAX bytes; returns its size. WS_CLOSE_NO_STATUS gives none.
// reason.n must be at most WS_CLOSE_REASON_MAX.
size_t ws_close_write(uint8_t *out, unsigned code, struct span reason);

#endif
