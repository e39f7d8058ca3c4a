#ifndef BASE_CHARACTER_H
#define BASE_CHARACTER_H

// Characters of texts that people read: log lines, excerpts of sources. Pure. (The ws layer checks
// whole messages, faster and in pieces.)

#include <stdbool.h>
#include <stddef.h>

// Length of the UTF-8 character at `p`, of which `n` > 0 bytes are there; 0 when it isn't one.
size_t character_length(const unsigned char *p, size_t n);

// Whether this character of `n` bytes is a control one: C0, DEL, or C1 in its UTF-8 form.
bool character_is_control(const unsigned char *p, size_t n);

// The length of the beginning of a text of `n` bytes that has at most `max` of them and no half
// character at its end.
size_t character_cut(const char *text, size_t n, size_t max);

#endif
