#ifndef SCRIPT_SUBJECT_H
#define SCRIPT_SUBJECT_H

// What of a script an entry of the log is about: which callback of which handler, on which
// connection. Lua thread.

#include <stddef.h>
#include "base/log.h"
#include "script/runtime.h"

enum { SUBJECT_NAME_MAX = 64, SUBJECT_TEXT_MAX = 640, SUBJECT_FIELDS_MAX = 10 };

struct subject {
  const struct task *task;     // NULL: it is none; then `name` says what it is, "" the script
  const struct link *link;     // whose callback it is, or NULL
  const struct wss *wss;       // NULL: it has none
  const char *worker;          // its name, NULL: it has none
  unsigned generation;         // of the script
  char name[SUBJECT_NAME_MAX]; // of the handler; "": it has none
};

// Of a task, whose stack is still as it was; or of nothing, NULL.
void subject_find(struct subject *s, const struct runtime *rt, const struct task *t);

// "Chat:onMessage", "timer started at chat.lua:12". Returns the length.
size_t subject_name(const struct subject *s, char *text, size_t size);

// The same with the connection, server or client: "Chat:onMessage, connection 12 from 127.0.0.1".
size_t subject_describe(const struct subject *s, char *text, size_t size);

// The same as fields. Returns how many.
size_t subject_fields(const struct subject *s, struct log_field fields[SUBJECT_FIELDS_MAX]);

#endif
