// The log. Any thread: an entry is put together on its own and written with one call.

#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/character.h"

enum {
  ENTRY_MAX = 1 << 20,
  WIDEST = 6, // bytes that one byte may become: \u001b
  TAIL = 64,  // what is kept free for quotes, braces and the end of the line
};

// The only mutable globals of the program (besides metrics).
static _Atomic int threshold = LOG_INFO;
static _Atomic int output_format = LOG_TEXT;
static _Atomic int output = STDERR_FILENO;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error"};
static const char *const LEVEL_COLOURS[] = {"\33[2m", "", "\33[33m", "\33[31m"};

void log_configure(enum log_level level, enum log_format format) {
  threshold = level;
  output_format = format;
}

void log_set_level(enum log_level level) {
  atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void log_set_output(int fd) {
  atomic_store(&output, fd); // who reads it must find the descriptor opened
}

bool log_enabled(enum log_level level) {
  return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

bool log_is_json(void) {
  return output_format == LOG_JSON;
}

bool log_is_due(_Atomic uint64_t *last, uint64_t now, uint64_t span) {
  uint64_t before = atomic_load_explicit(last, memory_order_relaxed);
  // Another thread's clock may be ahead.
  if (before != 0 && (now < before || now - before < span)) return false;
  return atomic_compare_exchange_strong(last, &before, now);
}

// How much of a text of `n` bytes surely fits, whatever its bytes become.
static size_t fit(const struct buf *b, size_t n) {
  size_t room = b->max - b->len;
  room = room > TAIL ? (room - TAIL) / WIDEST : 0;
  return n < room ? n : room;
}

static void append_json_string(struct buf *b, const char *text, size_t n) {
  const unsigned char *p = (const unsigned char *)text;
  n = fit(b, n);
  buf_append(b, "\"", 1);
  for (size_t i = 0; i < n;) {
    size_t length = character_length(p + i, n - i);
    if (length == 0) {
      buf_append_str(b, "\xef\xbf\xbd");
      i++;
      continue;
    }
    if (p[i] == '"' || p[i] == '\\')
      buf_printf(b, "\\%c", p[i]);
    else if (p[i] == '\n')
      buf_append_str(b, "\\n");
    else if (p[i] == '\t')
      buf_append_str(b, "\\t");
    else if (character_is_control(p + i, length))
      buf_printf(b, "\\u%04x", length == 1 ? p[i] : p[i + 1]);
    else
      buf_append(b, p + i, length);
    i += length;
  }
  buf_append(b, "\"", 1);
}

// For people: line breaks are kept and indented, other control characters are made visible.
static void append_text(struct buf *b, const char *text, size_t n) {
  const unsigned char *p = (const unsigned char *)text;
  n = fit(b, n);
  for (size_t i = 0; i < n;) {
    size_t length = character_length(p + i, n - i);
    if (length == 0) {
      buf_printf(b, "\\x%02x", p[i++]);
      continue;
    }
    if (p[i] == '\n')
      buf_append_str(b, "\n  ");
    else if (p[i] == '\t')
      buf_append_str(b, "  ");
    else if (character_is_control(p + i, length))
      buf_printf(b, "\\x%02x", p[i + length - 1]);
    else
      buf_append(b, p + i, length);
    i += length;
  }
}

static void append_field_value(struct buf *b, const struct log_field *f, bool json) {
  switch (f->kind) {
  case LOG_INTEGER: buf_printf(b, "%" PRId64, f->integer); return;
  case LOG_BOOLEAN: buf_append_str(b, f->integer ? "true" : "false"); return;
  case LOG_NUMBER:
    if (json && (f->number != f->number || f->number - f->number != 0))
      buf_append_str(b, "null");
    else
      buf_printf(b, "%.14g", f->number);
    return;
  case LOG_STRING: break;
  }
  bool plain = !json && f->length > 0;
  for (size_t i = 0; plain && i < f->length; i++) {
    unsigned char c = (unsigned char)f->string[i];
    plain = c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  }
  if (plain)
    buf_append(b, f->string, f->length);
  else
    append_json_string(b, f->string, f->length);
}

static void append_time(struct buf *b, bool json) {
  struct timespec now;
  struct tm tm;
  char text[40];
  clock_gettime(CLOCK_REALTIME, &now);
  if (json) {
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(b, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
    return;
  }
  localtime_r(&now.tv_sec, &tm);
  strftime(text, sizeof text, "%H:%M:%S", &tm);
  buf_printf(b, "%s.%03ld ", text, now.tv_nsec / 1000000);
}

static void compose_json(struct buf *b, enum log_level level, const char *text, size_t n,
                         const struct log_field *fields, size_t count) {
  append_time(b, true);
  buf_printf(b, ",\"level\":\"%s\",\"message\":", LEVEL_NAMES[level]);
  append_json_string(b, text, n);
  for (size_t i = 0; i < count && fit(b, TAIL) == TAIL; i++) {
    buf_append(b, ",", 1);
    append_json_string(b, fields[i].key, strlen(fields[i].key));
    buf_append(b, ":", 1);
    append_field_value(b, &fields[i], true);
  }
  buf_append(b, "}\n", 2);
}

static void compose_text(struct buf *b, enum log_level level, const char *text, size_t n,
                         const struct log_field *fields, size_t count) {
  bool colour = isatty(output) && LEVEL_COLOURS[level][0] != '\0';
  append_time(b, false);
  if (colour) buf_append_str(b, LEVEL_COLOURS[level]);
  buf_printf(b, "%-5s ", LEVEL_NAMES[level]);
  append_text(b, text, n);
  for (size_t i = 0; i < count && fit(b, TAIL) == TAIL; i++) {
    buf_append(b, "  ", 2);
    append_text(b, fields[i].key, strlen(fields[i].key));
    buf_append(b, "=", 1);
    append_field_value(b, &fields[i], false);
  }
  if (colour) buf_append_str(b, "\33[0m");
  buf_append(b, "\n", 1);
}

void log_write(enum log_level level, const char *text, size_t length,
               const struct log_field *fields, size_t count) {
  if (level >= LOG_OFF || !log_enabled(level)) return;
  struct buf b;
  buf_init(&b, ENTRY_MAX);
  if (output_format == LOG_JSON)
    compose_json(&b, level, text, length, fields, count);
  else
    compose_text(&b, level, text, length, fields, count);
  // Nothing can be done about a log that can't be written.
  ssize_t written = write(output, b.data, b.len);
  (void)written;
  buf_deinit(&b);
}

static void write_formatted(enum log_level level, const char *format, va_list args) {
  if (!log_enabled(level)) return;
  char text[1024];
  int n = vsnprintf(text, sizeof text, format, args);
  if (n < 0) return;
  log_write(level, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, NULL, 0);
}

#define LOG_FUNCTION(name, level)                                                                  \
  void name(const char *format, ...) {                                                             \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    write_formatted(level, format, args);                                                          \
    va_end(args);                                                                                  \
  }

LOG_FUNCTION(log_debug, LOG_DEBUG)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_error, LOG_ERROR)
