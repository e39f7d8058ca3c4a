#ifndef SCRIPT_JSON_NUMBER_H
#define SCRIPT_JSON_NUMBER_H

// Numbers between their JSON text and Lua's two kinds. Depends on no locale (a script may call
// os.setlocale). Pure.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_number {
  bool is_integer;
  int64_t integer;
  double real; // when it isn't an integer
};

enum json_number_result {
  JSON_NUMBER_OK,
  JSON_NUMBER_NO_DIGIT,     // a digit is missing at *end
  JSON_NUMBER_LEADING_ZERO, // *end: the digit after the zero
  JSON_NUMBER_OUT_OF_RANGE, // no double is that large; *end: behind the number
};

// Reads the number that begins at `p` (a digit or "-"), by RFC 8259 section 6. *end: the first
// byte that is no part of it. Too small for a double: zero.
enum json_number_result json_number_read(const char *p, const char *limit, struct json_number *out,
                                         const char **end);

#define JSON_NUMBER_SIZE 40

// Writes the shortest text that reads back as the same double (which is finite); one with an
// integral value keeps a ".0" or an exponent, so that it comes back as a float. Returns the length;
// not terminated.
size_t json_number_write_real(char out[JSON_NUMBER_SIZE], double value);

size_t json_number_write_integer(char out[JSON_NUMBER_SIZE], int64_t value);

#endif
