// What the line editor does for EDITOR_CONSOLE alone: it asks for a line when the program wants
// one, completes names, and passes ctrl-C on. Runs in the editor's thread.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "cli/editor_state.h"

enum { NAMES_MS = 2000 }; // how long a completion may take

// Answers -----------------------------------------------------------------------------------------

static void take_prompt(struct editor *e, const char *text) {
  if (e->is_editing) editor_hide_line(e);
  snprintf(e->prompt, sizeof e->prompt, "%s", text);
  e->is_asked = true;
  if (e->is_editing && !e->is_amid) editor_show_line(e);
}

// Only the newest question's answer is of interest.
static void take_names(struct editor *e, const char *text) {
  if (e->names_due == 0 || --e->names_due > 0) return;
  mem_free(e->names);
  e->names = mem_dup_string(text);
}

static void take_answer(struct editor *e, const char *line) {
  switch (line[0]) {
  case EDITOR_PROMPT: take_prompt(e, line + 1); break;
  case EDITOR_NAMES: take_names(e, line + 1); break;
  }
}

void editor_console_hear(struct editor *e) {
  enum { CHUNK_SIZE = 4096 };
  struct buf *b = &e->answers;
  char *room = buf_reserve(b, CHUNK_SIZE);
  ssize_t n = room ? read(e->ends.answers, room, CHUNK_SIZE) : 0;
  if (n < 0 && errno == EINTR) return;
  if (n <= 0) {
    e->ends.answers = -1; // its owner closes it
    return;
  }
  b->len += (size_t)n;
  for (char *stop; b->len > 0 && (stop = memchr(b->data, '\n', b->len));) {
    *stop = '\0';
    take_answer(e, b->data);
    buf_consume(b, (size_t)(stop - b->data) + 1);
  }
}

// Lines -------------------------------------------------------------------------------------------

void editor_console_interrupt(struct editor *e) {
  e->is_interrupted = false;
  const LineInfoW *line = e->is_editing ? el_wline(e->edit) : NULL;
  int length = line ? (int)(line->lastchar - line->buffer) : 0;
  if (length > 0) {
    editor_hide_line(e);
    el_cursor(e->edit, (int)(line->lastchar - line->cursor));
    el_deletestr(e->edit, length);
    if (!e->is_amid) editor_show_line(e);
    fflush(e->screen);
  }
  editor_tell(e, EDITOR_INTERRUPT, "+", length > 0);
}

bool editor_console_await_prompt(struct editor *e) {
  while (!e->is_over && !e->is_asked) {
    editor_attend(e, -1, 0, -1);
    if (e->is_interrupted) editor_console_interrupt(e);
  }
  e->is_asked = false;
  return !e->is_over;
}

// Completion --------------------------------------------------------------------------------------

// In columns, above the line being edited.
static void show_names(struct editor *e, const char *names) {
  size_t widest = 0;
  for (const char *at = names; *at; at += strspn(at, " ")) {
    size_t length = strcspn(at, " ");
    if (length > widest) widest = length;
    at += length;
  }
  size_t fit = editor_columns(e) / (widest + 2), shown = 0;
  editor_hide_line(e);
  for (const char *at = names; *at; at += strspn(at, " ")) {
    size_t length = strcspn(at, " ");
    bool is_last = ++shown % (fit > 0 ? fit : 1) == 0 || at[length] == '\0';
    fprintf(e->screen, "%-*.*s%s", is_last ? 0 : (int)widest + 2, (int)length, at,
            is_last ? "\n" : "");
    at += length;
  }
  editor_show_line(e);
  fflush(e->screen);
}

// The answer, or NULL when it is too long in coming.
static const char *ask_for_names(struct editor *e, const char *line, size_t length) {
  mem_free(e->names);
  e->names = NULL;
  e->names_due++;
  editor_tell(e, EDITOR_COMPLETE, line, length);
  uint64_t end = clock_ms() + NAMES_MS, now;
  while (!e->names && !e->is_over && !e->is_interrupted && (now = clock_ms()) < end)
    editor_attend(e, -1, 0, (int)(end - now));
  return e->names;
}

// Tab: where there is nothing before the cursor, it indents.
static unsigned char on_complete(EditLine *edit, wint_t c) {
  (void)c;
  struct editor *e = NULL;
  el_get(edit, EL_CLIENTDATA, &e);
  const LineInfo *line = el_line(edit);
  size_t length = (size_t)(line->cursor - line->buffer), blank = 0;
  while (blank < length && (line->buffer[blank] == ' ' || line->buffer[blank] == '\t'))
    blank++;
  if (blank == length) return el_insertstr(edit, "\t") == 0 ? CC_REFRESH : CC_ERROR;
  const char *names = ask_for_names(e, line->buffer, length);
  const char *tab = names ? strchr(names, '\t') : NULL;
  if (!tab || !tab[1]) return CC_ERROR;
  if (tab == names) {
    show_names(e, tab + 1);
    return CC_NORM;
  }
  e->names[tab - names] = '\0';
  return el_insertstr(edit, e->names) == 0 ? CC_REFRESH : CC_ERROR;
}

void editor_console_bind(EditLine *edit) {
  // (el_set would make copies of the two strings that nobody frees.)
  el_wset(edit, EL_ADDFN, L"luaws-complete", L"Completes names", on_complete);
  el_set(edit, EL_BIND, "^I", "luaws-complete", NULL);
  // Ctrl-C is no end of the program here: what is typed around it stays, keys of several characters
  // too, and so does what has just been written.
  el_set(edit, EL_SETTY, "-d", "+noflsh", NULL);
  el_set(edit, EL_SETTY, "-x", "+noflsh", NULL);
}
