#ifndef WS_UTF8_WIDE_H
#define WS_UTF8_WIDE_H

// The wide part of utf8.c: whole vectors of text at once, on machines that have them.

#include <stddef.h>
#include <stdint.h>

// From how many bytes on it is worth while.
#define WS_UTF8_WIDE_MIN 64

// Returns how many bytes from the start are valid UTF-8 for certain and end between two characters.
// The rest, less than a vector and a character or beginning shortly before a fault, is for the
// caller to check. 0 where the machine lacks the vectors.
size_t ws_utf8_wide_skip(const uint8_t *p, size_t n);

#endif
