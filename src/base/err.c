// Errors that people read. No state.

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set(struct err *e, const char *component, int code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  e->code = code;
  snprintf(e->component, sizeof e->component, "%s", component);
  vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
}

void err_set_errno(struct err *e, int errnum, const char *format, ...) {
  va_list args;
  va_start(args, format);
  e->code = -errnum;
  snprintf(e->component, sizeof e->component, "%s", ERR_UV__);
  vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
  size_t used = strlen(e->text);
  char text[128];
  // POSIX's strerror_r and GNU's differ; with _GNU_SOURCE the text is what is returned.
  const char *message = strerror_r(errnum, text, sizeof text);
  snprintf(e->text + used, sizeof e->text - used, ": %s", message);
}
