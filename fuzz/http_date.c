// Fuzzes dates: the first eight bytes are a time, which is written and read back in all three
// formats; the rest is a text that may be a date.

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "http/date.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAST_SECOND 253402300799

static void check_read(const char *text, uint64_t now, int64_t expected) {
  int64_t time;
  assert(http_date_parse(span_of(text), now, &time));
  assert(time == expected);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", and the two older forms of it.
static void check_written(uint64_t time) {
  static const char *const weekdays[] = {"Mon",       "Monday",   "Tue",      "Tuesday", "Wed",
                                         "Wednesday", "Thu",      "Thursday", "Fri",     "Friday",
                                         "Sat",       "Saturday", "Sun",      "Sunday"};
  char text[HTTP_DATE_SIZE], older[64];
  const char *weekday = NULL;
  int64_t expected = time > LAST_SECOND ? LAST_SECOND : (int64_t)time;
  http_date(text, time);
  assert(strlen(text) == HTTP_DATE_SIZE - 1);
  check_read(text, 0, expected);

  for (size_t i = 0; i < sizeof weekdays / sizeof weekdays[0]; i += 2)
    if (memcmp(text, weekdays[i], 3) == 0) weekday = weekdays[i + 1];
  assert(weekday);
  snprintf(older, sizeof older, "%s, %.2s-%.3s-%.2s %.8s GMT", weekday, text + 5, text + 8,
           text + 14, text + 17);
  check_read(older, (uint64_t)expected, expected);
  snprintf(older, sizeof older, "%.3s %.3s %c%c %.8s %.4s", text, text + 8,
           text[5] == '0' ? ' ' : text[5], text[6], text + 17, text + 12);
  check_read(older, 0, expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  uint64_t time = (uint64_t)input_word(&in) << 32;
  time |= input_word(&in);
  check_written(time);
  check_written(time % (LAST_SECOND + 1));

  int64_t read;
  char *copy = (char *)input_copy(in.p, in.n);
  bool is_date = http_date_parse((struct span){copy, in.n}, time, &read);
  if (is_date && read >= 0) check_written((uint64_t)read);
  if (is_date) assert(read >= -62167219200 && read <= LAST_SECOND + 1);
  mem_free(copy);
  return 0;
}
