#ifndef HTTP_DATE_H
#define HTTP_DATE_H

// HTTP dates, written and read (RFC 9110 section 5.6.7). Pure, free of locale and time zone.

#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

// IMF-fixdate of `unix_time`, 29 characters and a NUL: "Sun, 06 Nov 1994 08:49:37 GMT". The last
// moment that the format can hold is that of the year 9999.
#define HTTP_DATE_SIZE 30
void http_date(char out[HTTP_DATE_SIZE], uint64_t unix_time);

// Reads any of the three formats: IMF-fixdate, RFC 850, asctime. `now` (seconds since 1970) decides
// the century of RFC 850's two digits. False: malformed. *unix_time is negative before 1970.
bool http_date_parse(struct span text, uint64_t now, int64_t *unix_time);

#endif
