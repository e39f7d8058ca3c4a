#ifndef CONSOLE_H
#define CONSOLE_H

// The console's sessions on main's side: stdin, whose lines go to the first worker one after the
// other, and those of `luaws attach` (attach.h). Main thread, but for console_answer.

#include <stdbool.h>
#include <uv.h>
#include "base/err.h"
#include "cli/options.h"
#include "mailbox/event.h"
#include "script/worker.h"
#include "terminal.h"

struct console; // private

// `terminal`: its editor's lines are stdin, may be NULL. `on_end`: no more comes from stdin, so
// that luaws ends; the exit code says whether lines of a pipe have failed.
struct console *console_new(struct terminal *terminal, void (*on_end)(void *context, int exit_code),
                            void *context);

// Opens what the options ask for: stdin, the socket. 0, or *err says why not.
int console_open(struct console *c, const struct options *options, uv_loop_t *loop,
                 struct err *err);

// Sessions begin. `worker`: whose script they see; it lives until console_stop.
void console_start(struct console *c, struct worker *worker);

// worker_options.on_console. The worker's thread, until that has been joined.
void console_answer(struct console *c, uint64_t session, int kind, const char *text, size_t size);

// The worker has ended: takes leave. The loop's owner closes all handles that are not closing, and
// runs it until they are closed.
void console_stop(struct console *c); // NULL is fine

void console_free(struct console *c); // NULL is fine; stopped, and the handles closed

// Sends a request of a session to the worker.
void console_request(struct worker *worker, uint64_t session, enum event_console kind,
                     const char *text, size_t size);

#endif
