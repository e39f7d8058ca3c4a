#ifndef WS_PORTABLE_H
#define WS_PORTABLE_H

// What src/ws is on a machine without vectors, whichever this one has: for probe_ws.c.

#include "ws/utf8.h"

bool ws_portable_mask_copy(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4],
                           uint64_t offset);
bool ws_portable_utf8_feed(struct ws_utf8 *u, const uint8_t *p, size_t n);
bool ws_portable_utf8_valid(const void *p, size_t n);

#endif
