// Fuzzes JSON's numbers: the input as text, which strtod and strtoll must read alike, and its first
// bytes as a double and as an integer, which must come back from what is written of them; of a
// double the text must be the shortest.

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "script/json_number.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_digits(const char *p) {
  size_t n = 0;
  while (p[n] >= '0' && p[n] <= '9')
    n++;
  return n;
}

// How long the number at the start of a text is by RFC 8259's grammar; 0: there is none.
static size_t measure(const char *text, bool *is_integer) {
  const char *p = text + (text[0] == '-');
  size_t digits = count_digits(p);
  if (digits == 0 || (digits > 1 && p[0] == '0')) return 0;
  p += digits;
  *is_integer = true;
  if (p[0] == '.') {
    digits = count_digits(p + 1);
    if (digits == 0) return 0;
    p += 1 + digits;
    *is_integer = false;
  }
  if (p[0] == 'e' || p[0] == 'E') {
    size_t sign = p[1] == '+' || p[1] == '-';
    digits = count_digits(p + 1 + sign);
    if (digits == 0) return 0;
    p += 1 + sign + digits;
    *is_integer = false;
  }
  return (size_t)(p - text);
}

static bool are_same(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0;
}

static void check_text(const char *text, size_t n) {
  bool is_integer = false;
  size_t length = measure(text, &is_integer);
  uint8_t *copy = input_copy(text, n);
  const char *p = (const char *)copy, *end = NULL;
  struct json_number number;
  enum json_number_result result = json_number_read(p, p + n, &number, &end);
  assert(end >= p && end <= p + n);
  assert((length == 0) == (result == JSON_NUMBER_NO_DIGIT || result == JSON_NUMBER_LEADING_ZERO));
  if (length > 0) {
    assert((size_t)(end - p) == length);
    char *alone = mem_dup(text, length);
    double real = strtod(alone, NULL);
    errno = 0;
    long long integer = strtoll(alone, NULL, 10);
    bool fits = is_integer && errno == 0;
    assert((result == JSON_NUMBER_OUT_OF_RANGE) == (isinf(real) != 0));
    if (result == JSON_NUMBER_OK) {
      assert(number.is_integer == fits);
      assert(fits ? number.integer == integer : are_same(number.real, real));
    }
    mem_free(alone);
  }
  mem_free(copy);
}

static void check_real(double value) {
  char text[JSON_NUMBER_SIZE + 1], shorter[64];
  size_t n = json_number_write_real(text, value);
  assert(n < sizeof text);
  text[n] = '\0';
  bool is_integer = true;
  assert(measure(text, &is_integer) == n && !is_integer);
  assert(are_same(strtod(text, NULL), value));
  struct json_number number;
  const char *end;
  enum json_number_result result = json_number_read(text, text + n, &number, &end);
  assert(result == JSON_NUMBER_OK && end == text + n);
  assert(!number.is_integer && are_same(number.real, value));

  size_t digits = 0, zeros = 0; // significant ones; the zeros that end them
  for (const char *p = text; *p && *p != 'e' && *p != 'E'; p++) {
    if (*p < '0' || *p > '9' || (digits == 0 && *p == '0')) continue;
    digits++;
    zeros = *p == '0' ? zeros + 1 : 0;
  }
  if (digits - zeros <= 1) return;
  snprintf(shorter, sizeof shorter, "%.*e", (int)(digits - zeros - 2), value);
  assert(!are_same(strtod(shorter, NULL), value));
}

static void check_integer(int64_t value) {
  char text[JSON_NUMBER_SIZE + 1], expected[32];
  size_t n = json_number_write_integer(text, value);
  snprintf(expected, sizeof expected, "%lld", (long long)value);
  assert(n == strlen(expected) && memcmp(text, expected, n) == 0);
  struct json_number number;
  const char *end;
  enum json_number_result result = json_number_read(text, text + n, &number, &end);
  assert(result == JSON_NUMBER_OK && end == text + n);
  assert(number.is_integer && number.integer == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = mem_dup(data, size);
  // The reader is called at a digit or a minus.
  if (size > 0 && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) check_text(text, size);
  mem_free(text);

  struct input in = {data, size};
  uint64_t bits = (uint64_t)input_word(&in) << 32;
  bits |= input_word(&in);
  double value;
  memcpy(&value, &bits, sizeof value);
  if (isfinite(value)) check_real(value);
  check_integer((int64_t)bits);
  check_real((double)(int64_t)bits);
  return 0;
}
