#ifndef SCRIPT_CONSOLE_H
#define SCRIPT_CONSOLE_H

// The console: lines that a person types, run in the script's own state. What asks is main, by
// EVENT_CONSOLE; what runs them is lua/luaws/console.lua. Lua thread.

#include <stdbool.h>
#include <stddef.h>
#include "mailbox/batch.h"
#include "script/runtime.h"

struct task;

// EVENT_CONSOLE. From the top of the loop.
void console_on_request(struct runtime *rt, const struct record *record);

// Writes to stdout; where a line of an attached session is running, to that.
void console_print(struct runtime *rt, const char *text, size_t size);

// Whether that task is a line of a console.
bool console_has_line(const struct task *t);

// Whether the running task is a line that is to end: of rt->budget.ended.
bool console_is_ended(const struct runtime *rt);

// Forgets all sessions. No task may be left.
void console_deinit(struct runtime *rt);

#endif
