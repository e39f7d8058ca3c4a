#ifndef CLI_EDITOR_STATE_H
#define CLI_EDITOR_STATE_H

// What the files of cli/editor share: the editor's insides. Editor's thread. Others know the name
// alone (cli/editor.h).

#include <histedit.h>
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <termios.h>
#include "base/buf.h"
#include "cli/editor.h"

enum { EDITOR_PROMPT_MAX = 8 }; // columns

struct editor {
  enum editor_style style;
  struct editor_ends ends;
  int news[2];           // a pipe: editor_notify writes, the editor reads
  struct termios before; // the terminal as it was
  FILE *terminal, *screen;
  locale_t locale, old_locale;
  EditLine *edit;
  History *history;
  char *path;  // of the history's file, NULL: there is none
  char *chunk; // text on its way
  struct buf answers;
  char prompt[EDITOR_PROMPT_MAX + 1]; // without colours and blank
  char shown_prompt[64];
  char *names;         // the answer to the newest EDITOR_COMPLETE, NULL: it hasn't come
  unsigned names_due;  // answers that are to come
  bool is_asked;       // EDITOR_CONSOLE: for a line
  bool is_interrupted; // and the program doesn't know yet
  bool is_editing;     // libedit has drawn its line, or is about to
  bool is_amid;        // the text shown last has no '\n' at its end
  bool has_shown;      // some text
  bool is_over;        // there is no more text
};

// editor.c ----------------------------------------------------------------------------------------

unsigned editor_columns(struct editor *e);

// Clears the line that is being edited and leaves the cursor where it began.
void editor_hide_line(struct editor *e);
void editor_show_line(struct editor *e);

// One wait for text, answers and news, which are dealt with, and for `fd` (-1: none), of up to
// `patience` ms (-1: for ever). True: that is ready.
bool editor_attend(struct editor *e, int fd, short events, int patience);

// One line for the program: what is typed, or, behind the letter `what`, what it shall do.
void editor_tell(struct editor *e, char what, const char *text, size_t length);

// editor_console.c --------------------------------------------------------------------------------

// Its keys, and what they mean for the terminal.
void editor_console_bind(EditLine *edit);

// Reads answers.
void editor_console_hear(struct editor *e);

// Ctrl-C has been typed. What was being typed goes; the program hears of it.
void editor_console_interrupt(struct editor *e);

// Waits until the program asks for a line. False: it has ended.
bool editor_console_await_prompt(struct editor *e);

#endif
