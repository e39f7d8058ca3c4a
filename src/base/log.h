#ifndef BASE_LOG_H
#define BASE_LOG_H

// The server's log: one line an entry on stderr, written with one write(2), so that lines of
// several threads never mix. Any thread.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

// A named value of an entry. In text: `key=value`, quoted where needed; in JSON a member.
struct log_field {
  const char *key;
  enum { LOG_STRING, LOG_INTEGER, LOG_NUMBER, LOG_BOOLEAN } kind;
  const char *string; // LOG_STRING: `length` bytes, invalid UTF-8 is replaced
  size_t length;
  int64_t integer; // LOG_INTEGER, LOG_BOOLEAN
  double number;
};

// Before the threads start.
void log_configure(enum log_level level, enum log_format format);

// Where entries go from now on: a descriptor that stays open. stderr without it.
void log_set_output(int fd);

// At any time, as far as entries of other threads may already be on their way.
void log_set_level(enum log_level level);

bool log_enabled(enum log_level level);
bool log_is_json(void);

// For entries that may come in floods: whether one is due at `now`, at most one in `span` ms. *last
// is 0 before the first one; threads may share it.
bool log_is_due(_Atomic uint64_t *last, uint64_t now, uint64_t span);

// One entry. `text` may hold line breaks (a traceback): in text they stay, indented; in JSON they
// are escaped. Control characters are escaped, so that a peer cannot paint the terminal.
void log_write(enum log_level level, const char *text, size_t length,
               const struct log_field *fields, size_t count);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
