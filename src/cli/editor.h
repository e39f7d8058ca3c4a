#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

// A line editor between a terminal and a program that reads lines and writes text: what the program
// writes appears above the line that is being edited, which is drawn again below. The program sees
// two pipes in place of the terminal. The editor runs on a thread of its own; other threads may
// only notify it and give the terminal back.

#include "base/err.h"

struct editor; // private

// Descriptors; the caller closes them, after editor_free.
struct editor_ends {
  int terminal; // what is typed comes from here, and goes to `screen`
  int screen;
  int text;  // read: what the program writes
  int lines; // written: a line each, with '\n' behind it; becomes non-blocking
};

enum editor_news {
  EDITOR_RESIZED = 'r',   // the terminal has another size
  EDITOR_SUSPENDED = 's', // the terminal is to be given back, and the process stopped
  EDITOR_RESUMED = 'c',   // it goes on
};

// NULL: *err says why.
struct editor *editor_new(const struct editor_ends *ends, struct err *err);

// Runs until `text` is at its end; the terminal is as it was then. The prompt comes with the first
// text. At the end of what is typed it sends `farewell` as a last line, and only shows text from
// then on. Lines go into the history (recall.h).
void editor_run(struct editor *e, const char *farewell);

// Any thread, while the editor exists.
void editor_notify(struct editor *e, enum editor_news news);

// Gives the terminal back as it was, without waiting for the editor. Any thread; for whoever is
// about to end the process.
void editor_restore(const struct editor *e);

void editor_free(struct editor *e); // NULL is fine

#endif
