// JSON's numbers. What is common (up to 19 digits and a small exponent; up to 15 digits when
// writing) is done by hand and exactly; the rest goes through strtod and snprintf in a form that no
// locale touches.

#include "script/json_number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  DIGITS_FIT = 19,     // so many digits always fit a uint64_t
  DIGITS_MATTER = 800, // more than any double needs to be told from its neighbours (768)
  EXACT_POWERS = 22,   // 10^22 is the last power of ten that a double holds exactly
};

#define EXACT_INTEGER_MAX (UINT64_C(1) << 53)
// Far past what digits could make good, and still ten times it fits.
#define EXPONENT_CAP INT64_C(100000000000000000)

static const double POWERS[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// The parts of a number's text.
struct parts {
  const char *digits; // integer digits, then perhaps a point and more digits
  const char *end;    // of the digits
  size_t integer_digits;
  size_t fraction_digits;
  uint64_t value;   // all digits as one integer, while DIGITS_FIT
  int64_t exponent; // as written
  bool is_negative;
  bool is_float; // a point or an exponent was there
};

static bool is_digit(const char *p, const char *limit) {
  return p < limit && *p >= '0' && *p <= '9';
}

// Joins the digits at `p` to n->value, and returns where they end.
static const char *join_digits(struct parts *n, const char *p, const char *limit) {
  uint64_t value = n->value;
  for (; is_digit(p, limit); p++)
    value = value * 10 + (uint64_t)(*p - '0');
  n->value = value;
  return p;
}

// Reads "e+12" at *p. False: a digit is missing there.
static bool split_exponent(const char **p, const char *limit, int64_t *exponent) {
  (*p)++;
  bool is_negative = *p < limit && **p == '-';
  if (*p < limit && (**p == '-' || **p == '+')) (*p)++;
  if (!is_digit(*p, limit)) return false;
  int64_t value = 0;
  for (; is_digit(*p, limit); (*p)++) {
    if (value < EXPONENT_CAP) value = value * 10 + (**p - '0');
  }
  *exponent = is_negative ? -value : value;
  return true;
}

static enum json_number_result split(const char *p, const char *limit, struct parts *n,
                                     const char **end) {
  *n = (struct parts){.is_negative = *p == '-'};
  if (n->is_negative) p++;
  *end = p;
  if (!is_digit(p, limit)) return JSON_NUMBER_NO_DIGIT;
  n->digits = p;
  p = join_digits(n, p, limit);
  n->integer_digits = (size_t)(p - n->digits);
  *end = n->digits + 1;
  if (n->digits[0] == '0' && n->integer_digits > 1) return JSON_NUMBER_LEADING_ZERO;
  if (p < limit && *p == '.') {
    *end = ++p;
    n->is_float = true;
    const char *fraction = p;
    p = join_digits(n, p, limit);
    n->fraction_digits = (size_t)(p - fraction);
    if (n->fraction_digits == 0) return JSON_NUMBER_NO_DIGIT;
  }
  n->end = p;
  if (p < limit && (*p == 'e' || *p == 'E')) {
    n->is_float = true;
    bool is_whole = split_exponent(&p, limit, &n->exponent);
    *end = p;
    if (!is_whole) return JSON_NUMBER_NO_DIGIT;
  }
  *end = p;
  return JSON_NUMBER_OK;
}

static bool read_integer(const struct parts *n, int64_t *out) {
  if (n->is_float || n->integer_digits > DIGITS_FIT) return false;
  if (n->value > (uint64_t)INT64_MAX + n->is_negative) return false;
  *out = (int64_t)(n->is_negative ? 0 - n->value : n->value);
  return true;
}

// When both the digits and the power of ten are exact as doubles, their product or quotient is
// rounded once, and so correctly.
static bool read_exactly(const struct parts *n, double *out) {
  int64_t exponent = n->exponent - (int64_t)n->fraction_digits;
  if (FLT_EVAL_METHOD != 0 || n->integer_digits + n->fraction_digits > DIGITS_FIT) return false;
  if (exponent < -EXACT_POWERS || exponent > EXACT_POWERS) return false;
  if (n->value > EXACT_INTEGER_MAX) return false;
  double value = (double)n->value;
  *out = exponent < 0 ? value / POWERS[-exponent] : value * POWERS[exponent];
  return true;
}

// Through strtod, as "<digits>e<exponent>": without the point, which locales write differently.
// Digits that no double can tell apart shrink to one that says whether they were all zero.
static double read_slowly(const struct parts *n) {
  char text[DIGITS_MATTER + 32];
  size_t length = 0;
  int64_t exponent = n->exponent - (int64_t)n->fraction_digits;
  bool is_tail_zero = true;
  for (const char *p = n->digits; p < n->end; p++) {
    if (*p == '.' || (length == 0 && *p == '0')) continue;
    if (length < DIGITS_MATTER) {
      text[length++] = *p;
      continue;
    }
    exponent++;
    is_tail_zero = is_tail_zero && *p == '0';
  }
  if (length == 0) return 0;
  if (!is_tail_zero) {
    text[length++] = '1';
    exponent--;
  }
  snprintf(text + length, sizeof text - length, "e%" PRId64, exponent);
  return strtod(text, NULL);
}

enum json_number_result json_number_read(const char *p, const char *limit, struct json_number *out,
                                         const char **end) {
  struct parts n;
  enum json_number_result result = split(p, limit, &n, end);
  if (result != JSON_NUMBER_OK) return result;
  out->is_integer = read_integer(&n, &out->integer);
  if (out->is_integer) return JSON_NUMBER_OK;
  if (!read_exactly(&n, &out->real)) out->real = read_slowly(&n);
  if (n.is_negative) out->real = -out->real;
  return isinf(out->real) ? JSON_NUMBER_OUT_OF_RANGE : JSON_NUMBER_OK;
}

size_t json_number_write_integer(char out[JSON_NUMBER_SIZE], int64_t value) {
  char reversed[JSON_NUMBER_SIZE];
  size_t n = 0, length = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    reversed[n++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (value < 0) out[length++] = '-';
  while (n > 0)
    out[length++] = reversed[--n];
  return length;
}

// Up to 15 digits with at most 8 of them behind the point: as an integer that is divided by a
// power of ten. 0: it isn't such a number. The division is rounded correctly, so it proves that the
// text reads back; no other text of 15 digits or fewer does, so it is the shortest.
static size_t write_short(char out[JSON_NUMBER_SIZE], double value) {
  double size = fabs(value);
  if (FLT_EVAL_METHOD != 0 || size >= 1e15 || (size < 1e-4 && size != 0)) return 0;
  for (int places = 1; places <= 8; places++) {
    double scaled = nearbyint(size * POWERS[places]);
    if (scaled >= 1e15) return 0;
    if (scaled / POWERS[places] != size) continue;
    uint64_t unit = (uint64_t)POWERS[places], whole = (uint64_t)scaled;
    size_t length = 0;
    if (signbit(value)) out[length++] = '-';
    length += json_number_write_integer(out + length, (int64_t)(whole / unit));
    out[length++] = '.';
    for (uint64_t rest = whole % unit; unit > 1; rest %= unit) {
      unit /= 10;
      out[length++] = (char)('0' + rest / unit);
    }
    return length;
  }
  return 0;
}

// What snprintf wrote, with a "." for the locale's decimal point (which may take several bytes).
static size_t drop_locale(char *text) {
  size_t length = 0;
  bool in_point = false;
  for (const char *p = text; *p; p++) {
    bool is_ours = strchr("0123456789+-e", *p) != NULL;
    if (is_ours)
      text[length++] = *p;
    else if (!in_point)
      text[length++] = '.';
    in_point = !is_ours;
  }
  return length;
}

size_t json_number_write_real(char out[JSON_NUMBER_SIZE], double value) {
  size_t length = write_short(out, value);
  if (length > 0) return length;
  // Every text of 15 digits comes back, unless the number is so small that it has fewer bits.
  for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
    snprintf(out, JSON_NUMBER_SIZE, "%.*g", digits, value);
    length = drop_locale(out);
    struct json_number back;
    const char *end;
    // Read as an integer, it is still to get its ".0": then it stands for itself.
    json_number_read(out, out + length, &back, &end);
    if ((back.is_integer ? (double)back.integer : back.real) == value) break;
  }
  if (!memchr(out, '.', length) && !memchr(out, 'e', length)) {
    out[length++] = '.';
    out[length++] = '0';
  }
  return length;
}
