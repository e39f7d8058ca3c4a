#ifndef WS_FRAME_H
#define WS_FRAME_H

// One frame's header, RFC 6455 section 5.2, read and written. Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
  WS_OPCODE_CONTINUATION = 0x0,
  WS_OPCODE_TEXT = 0x1,
  WS_OPCODE_BINARY = 0x2,
  WS_OPCODE_CLOSE = 0x8,
  WS_OPCODE_PING = 0x9,
  WS_OPCODE_PONG = 0xA,
};

#define WS_FRAME_HEADER_MAX 14  // 2 + 8 bytes of length + 4 of mask
#define WS_CONTROL_MAX      125 // payload of a control frame, RFC 6455 section 5.5
// A control frame whole, masked.
#define WS_CONTROL_FRAME_MAX (2 + 4 + WS_CONTROL_MAX)

struct ws_frame_header {
  uint64_t length; // of the payload
  uint8_t opcode;  // any of the 16: whether it is a known one is the session's business
  bool fin;
  uint8_t rsv; // the three reserved bits: RSV1 is 4, RSV2 2, RSV3 1
  bool masked;
  uint8_t key[4]; // when masked
  uint8_t size;   // bytes of the header itself
};

// Reads a header from the first `n` bytes at `p`. Returns 0 when *h is filled, ERR_INVALID when
// the length isn't minimally encoded or has its highest bit set (section 5.2), as soon as its
// bytes show that, or the positive number of bytes that are missing at least. *h then holds what
// can be told already, and zero for the rest: opcode, fin and rsv from the first byte on; masked
// and size from the second; length when all its bytes are there.
int ws_frame_parse(const uint8_t *p, size_t n, struct ws_frame_header *h);

// Writes a header for `length` payload bytes; returns its size, at most WS_FRAME_HEADER_MAX.
// `key`: 4 bytes, or NULL for an unmasked frame (a server's). `rsv1`: the message is compressed.
size_t ws_frame_write(uint8_t *out, enum ws_opcode opcode, bool fin, bool rsv1, uint64_t length,
                      const uint8_t *key);

// The size that ws_frame_write will return.
size_t ws_frame_header_size(uint64_t length, bool masked);

#endif
