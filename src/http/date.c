// Calendar arithmetic of our own: gmtime and strftime know locales, and strptime is not portable.
// Pure.

#include "http/date.h"

#include <stdio.h>

#define LAST_SECOND     253402300799 // 9999-12-31 23:59:59
#define SECONDS_PER_DAY 86400

static const char MONTHS[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char WEEKDAYS[][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday"};

struct date {
  int64_t year;
  int month; // 1-12
  int day;   // 1-31
  int hour, minute, second;
};

static struct date date_of(int64_t unix_time);
static int64_t days_until(int64_t year, int month, int day);
static bool is_possible(const struct date *d);
static bool match(struct span text, const char *form, struct date *d);

void http_date(char out[HTTP_DATE_SIZE], uint64_t unix_time) {
  if (unix_time > LAST_SECOND) unix_time = LAST_SECOND;
  struct date d = date_of((int64_t)unix_time);
  unsigned weekday = (unsigned)((unix_time / SECONDS_PER_DAY + 4) % 7); // 1970 began on a Thursday
  // The moduli change nothing; they show the compiler that it fits.
  snprintf(out, HTTP_DATE_SIZE, "%.3s, %02u %s %04u %02u:%02u:%02u GMT", WEEKDAYS[weekday],
           (unsigned)d.day % 100, MONTHS[d.month - 1], (unsigned)d.year % 10000,
           (unsigned)d.hour % 100, (unsigned)d.minute % 100, (unsigned)d.second % 100);
}

bool http_date_parse(struct span text, uint64_t now, int64_t *unix_time) {
  struct date imf = {0}, rfc850 = {0}, asctime = {0};
  struct date *d = NULL;
  if (match(text, "w, d m Y t GMT", &imf)) {
    d = &imf;
  } else if (match(text, "W, d-m-y t GMT", &rfc850)) {
    // More than 50 years ahead means the past century.
    int64_t this_year = date_of((int64_t)(now > LAST_SECOND ? LAST_SECOND : now)).year;
    rfc850.year += this_year / 100 * 100;
    if (rfc850.year > this_year + 50) rfc850.year -= 100;
    d = &rfc850;
  } else if (match(text, "w m D t Y", &asctime)) {
    d = &asctime;
  }
  if (!d || !is_possible(d)) return false;
  *unix_time = days_until(d->year, d->month, d->day) * SECONDS_PER_DAY + d->hour * 3600 +
               d->minute * 60 + d->second;
  return true;
}

// Days from 1970-01-01. The year is counted from March, so that the leap day comes last.
static int64_t days_until(int64_t year, int month, int day) {
  if (month <= 2) year--;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

// The inverse of days_until; `unix_time` is not negative.
static struct date date_of(int64_t unix_time) {
  int64_t days = unix_time / SECONDS_PER_DAY + 719468;
  int seconds = (int)(unix_time % SECONDS_PER_DAY);
  int64_t era = days / 146097;
  int64_t day_of_era = days % 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int day_of_year = (int)(day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100));
  int march_month = (5 * day_of_year + 2) / 153;
  struct date d = {
      .month = march_month < 10 ? march_month + 3 : march_month - 9,
      .day = day_of_year - (153 * march_month + 2) / 5 + 1,
      .hour = seconds / 3600,
      .minute = seconds / 60 % 60,
      .second = seconds % 60,
  };
  d.year = year_of_era + era * 400 + (d.month <= 2);
  return d;
}

static bool is_possible(const struct date *d) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;
  int length = lengths[d->month - 1] + (d->month == 2 && leap);
  // 60 is a leap second.
  return d->day >= 1 && d->day <= length && d->hour < 24 && d->minute < 60 && d->second <= 60;
}

// Takes exactly `digits` digits.
static bool match_number(struct span *text, int digits, int *number) {
  *number = 0;
  if (text->n < (size_t)digits) return false;
  for (int i = 0; i < digits; i++) {
    char c = text->p[i];
    if (c < '0' || c > '9') return false;
    *number = *number * 10 + (c - '0');
  }
  text->p += digits, text->n -= (size_t)digits;
  return true;
}

static bool match_text(struct span *text, const char *expected, size_t n) {
  if (text->n < n || memcmp(text->p, expected, n) != 0) return false;
  text->p += n, text->n -= n;
  return true;
}

static bool match_weekday(struct span *text, bool whole) {
  for (int i = 0; i < 7; i++)
    if (match_text(text, WEEKDAYS[i], whole ? strlen(WEEKDAYS[i]) : 3)) return true;
  return false;
}

static bool match_month(struct span *text, int *month) {
  for (*month = 1; *month <= 12; (*month)++)
    if (match_text(text, MONTHS[*month - 1], 3)) return true;
  return false;
}

static bool match_year(struct span *text, int digits, int64_t *year) {
  int number;
  if (!match_number(text, digits, &number)) return false;
  *year = number;
  return true;
}

// One letter of a form.
static bool match_piece(struct span *text, char piece, struct date *d) {
  switch (piece) {
  case 'w': return match_weekday(text, false);
  case 'W': return match_weekday(text, true);
  case 'm': return match_month(text, &d->month);
  case 'd': return match_number(text, 2, &d->day);
  case 'D': return match_number(text, match_text(text, " ", 1) ? 1 : 2, &d->day);
  case 'y': return match_year(text, 2, &d->year);
  case 'Y': return match_year(text, 4, &d->year);
  case 't':
    return match_number(text, 2, &d->hour) && match_text(text, ":", 1) &&
           match_number(text, 2, &d->minute) && match_text(text, ":", 1) &&
           match_number(text, 2, &d->second);
  default: return match_text(text, &piece, 1);
  }
}

// Whether all of `text` has the form: the letters above stand for pieces, all others for
// themselves.
static bool match(struct span text, const char *form, struct date *d) {
  for (; *form; form++)
    if (!match_piece(&text, *form, d)) return false;
  return text.n == 0;
}
