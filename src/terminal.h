#ifndef TERMINAL_H
#define TERMINAL_H

// The thread of the line editor, and the pipes that stand in for the terminal meanwhile: as the
// process's own stdin and stdout, and stderr where that is the terminal too. So nobody else need
// know whether there is an editor, and whatever is written comes above the line being edited. Main
// thread.

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>
#include "base/err.h"
#include "cli/editor.h"

struct terminal;

// Whether stdin and stdout are a terminal that lines can be edited on.
bool terminal_is_there(void);

// Puts the editor in the terminal's place and starts its thread. NULL: *err says why.
struct terminal *terminal_open(enum editor_style style, struct err *err);

// Where the program writes EDITOR_CONSOLE's answers, a line each; the terminal's. -1: nowhere.
int terminal_answers(const struct terminal *t);

// One of them. `text` has no newline.
void terminal_answer(const struct terminal *t, char kind, const char *text, size_t size);

// Ctrl-C. False: it is none of the editor's business.
bool terminal_interrupt(const struct terminal *t);

// Tells the editor of signals that concern it. The loop's owner closes the handles before
// terminal_free. 0, or libuv's error.
int terminal_watch(struct terminal *t, uv_loop_t *loop);

// For whoever is about to end the process at once: the terminal is as it was.
void terminal_restore(const struct terminal *t);

// Waits until all that was written is shown, and gives the terminal back. To be called while
// signals are still watched, or one of them could end the process before. NULL is fine.
void terminal_close(struct terminal *t);

void terminal_free(struct terminal *t); // NULL is fine; closed

#endif
