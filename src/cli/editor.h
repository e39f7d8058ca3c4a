#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

// A line editor between a terminal and a program that reads lines and writes text: what the program
// writes appears above the line that is being edited, which is drawn again below. The program sees
// two pipes in place of the terminal. The editor runs on a thread of its own; other threads may
// only notify it and give the terminal back.

#include "base/err.h"

struct editor; // private

// What the program is to the person.
enum editor_style {
  // Lines are sent as they are typed, and may be typed at any time. The history is `history`, the
  // last line "/quit".
  EDITOR_TALK,
  // A line is edited when the program asks for one, by EDITOR_PROMPT; what it is told begins with
  // one of the letters below. Tab completes. The history is `console_history`.
  EDITOR_CONSOLE,
};

// What EDITOR_CONSOLE sends, a line each.
enum {
  EDITOR_LINE = 'L',      // a line
  EDITOR_COMPLETE = 'C',  // a line up to the cursor: wants EDITOR_NAMES
  EDITOR_INTERRUPT = 'I', // ctrl-C; with "+" behind it a line that was being typed has been cleared
  EDITOR_END = 'F',       // the end of what is typed
};

// What the program answers, a line each.
enum {
  EDITOR_PROMPT = 'P', // the line is done; what the prompt for the next one is
  EDITOR_NAMES = 'N',  // what can be added at the cursor, '\t', names with blanks in between
};

// Descriptors; the caller closes them, after editor_free.
struct editor_ends {
  int terminal; // what is typed comes from here, and goes to `screen`
  int screen;
  int text;    // read: what the program writes
  int lines;   // written: a line each, with '\n' behind it; becomes non-blocking
  int answers; // read: EDITOR_CONSOLE's answers; -1 otherwise
};

enum editor_news {
  EDITOR_RESIZED = 'r',     // the terminal has another size
  EDITOR_SUSPENDED = 's',   // the terminal is to be given back, and the process stopped
  EDITOR_RESUMED = 'c',     // it goes on
  EDITOR_INTERRUPTED = 'i', // ctrl-C, of EDITOR_CONSOLE
};

// NULL: *err says why.
struct editor *editor_new(enum editor_style style, const struct editor_ends *ends, struct err *err);

// Runs until `text` is at its end; the terminal is as it was then. The prompt comes with the first
// text, or when it is asked for. At the end of what is typed it sends a last line, and only shows
// text from then on. Lines go into the history (recall.h).
void editor_run(struct editor *e);

// Any thread, while the editor exists.
void editor_notify(struct editor *e, enum editor_news news);

// Gives the terminal back as it was, without waiting for the editor. Any thread; for whoever is
// about to end the process.
void editor_restore(const struct editor *e);

void editor_free(struct editor *e); // NULL is fine

#endif
