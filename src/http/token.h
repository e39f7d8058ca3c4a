#ifndef HTTP_TOKEN_H
#define HTTP_TOKEN_H

// The pieces that most header fields are made of: tokens, comma-separated lists (RFC 9110 section
// 5.6) and numbers. Pure.

#include <stdbool.h>
#include "base/span.h"

// One or more of the characters that a token may hold.
bool http_token_is_valid(struct span s);

// How many bytes at the beginning of `s` can belong to a token.
size_t http_token_length(struct span s);

// Steps through the elements of a list, trimmed; an empty one is yielded as such ("a,,b" has three,
// "" has one). Knows no quoted strings. *rest starts as the field's value, .p not NULL; false: no
// more, *rest has .p NULL.
bool http_token_next(struct span *rest, struct span *element);

// A decimal number up to `most` (99999 at most) without leading zeros.
bool http_token_read_number(struct span s, unsigned most, unsigned *number);

#endif
