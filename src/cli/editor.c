// The line editor: libedit, whose wait for the next character is ours, so that it ends for text to
// show, too. All but editor_notify and editor_restore runs in the editor's thread.

#include "cli/editor.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/recall.h"
#include "cli/row.h"

enum {
  PROMPT_MAX = 8,  // columns
  CHUNK = 65536,   // bytes of text that are shown between two looks at the keyboard
  REST_MS = 1000,  // how long the keyboard waits for the rest of a line that has begun to be shown
  NAMES_MS = 2000, // how long a completion may take
  ANSWERS_MAX = 65536, // bytes of answers that are not whole
  USUAL_COLUMNS = 80,
};

#define FAREWELL "/quit\n"

// \1 encloses what takes no room on the screen.
#define PLAIN_PROMPT    "%s "
#define COLOURED_PROMPT "\1\033[1;32m\1%s\1\033[0m\1 "

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
  char prompt[PROMPT_MAX + 1]; // without colours and blank
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

// The terminal ------------------------------------------------------------------------------------

static unsigned count_columns(struct editor *e) {
  int columns = 0;
  el_get(e->edit, EL_GETTC, "co", &columns);
  return columns > 0 ? (unsigned)columns : USUAL_COLUMNS;
}

// Clears the line that is being edited and leaves the cursor where it began.
static void hide_line(struct editor *e) {
  const LineInfoW *line = el_wline(e->edit);
  size_t row = row_of_cursor(line->buffer, (size_t)(line->cursor - line->buffer),
                             (unsigned)strlen(e->prompt) + 1, count_columns(e));
  if (row > 0) fprintf(e->screen, "\033[%zuA", row);
  fputs("\r\033[J", e->screen);
}

static void show_line(struct editor *e) {
  el_set(e->edit, EL_REFRESH);
}

static void end_line(struct editor *e) {
  e->is_amid = false;
  if (e->is_editing) show_line(e);
}

// Shows a piece of the text. The line being edited stays away until a line of text is whole.
static void show_text(struct editor *e) {
  ssize_t n = read(e->ends.text, e->chunk, CHUNK);
  if (n < 0 && errno == EINTR) return;
  if (n <= 0) {
    e->is_over = true;
    return;
  }
  e->has_shown = true;
  if (e->is_editing && !e->is_amid) hide_line(e);
  fwrite(e->chunk, 1, (size_t)n, e->screen);
  e->is_amid = e->chunk[n - 1] != '\n';
  if (!e->is_amid) end_line(e);
  fflush(e->screen);
}

// The shell has its terminal while the process is stopped.
static void suspend(struct editor *e) {
  if (e->is_editing) {
    hide_line(e);
    fflush(e->screen);
    el_set(e->edit, EL_PREP_TERM, 0);
  }
  editor_restore(e);
  kill(getpid(), SIGSTOP);
}

static void resume(struct editor *e) {
  if (!e->is_editing) return;
  el_set(e->edit, EL_PREP_TERM, 0); // libedit must not believe what was true before the stop
  el_set(e->edit, EL_PREP_TERM, 1);
  el_resize(e->edit);
  show_line(e);
}

static void resize(struct editor *e) {
  if (!e->is_editing) return;
  hide_line(e);
  el_resize(e->edit);
  show_line(e);
}

static void hear_news(struct editor *e) {
  char news;
  if (read(e->news[0], &news, 1) != 1) return;
  switch ((enum editor_news)news) {
  case EDITOR_RESIZED: resize(e); break;
  case EDITOR_SUSPENDED: suspend(e); break;
  case EDITOR_RESUMED: resume(e); break;
  case EDITOR_INTERRUPTED: e->is_interrupted = true; break;
  }
}

// Answers ----------------------------------------------------------------------------------------

static void take_prompt(struct editor *e, const char *text) {
  if (e->is_editing) hide_line(e);
  snprintf(e->prompt, sizeof e->prompt, "%s", text);
  e->is_asked = true;
  if (e->is_editing && !e->is_amid) show_line(e);
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

static void hear_answers(struct editor *e) {
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

// Waits ------------------------------------------------------------------------------------------

// One wait for text, answers and news, which are dealt with, and for `fd` (-1: none), of up to
// `patience` ms (-1: for ever). True: that is ready.
static bool attend_for(struct editor *e, int fd, short events, int patience) {
  struct pollfd fds[] = {{.fd = e->ends.text, .events = POLLIN},
                         {.fd = e->news[0], .events = POLLIN},
                         {.fd = fd, .events = events},
                         {.fd = e->ends.answers, .events = POLLIN}};
  if (e->is_amid && (patience < 0 || patience > REST_MS)) patience = REST_MS;
  int ready = poll(fds, sizeof fds / sizeof *fds, patience);
  bool rests = e->is_editing || e->style == EDITOR_TALK;
  if (ready == 0 && e->is_amid && rests) { // the rest of the line is long in coming
    fputc('\n', e->screen);
    end_line(e);
    fflush(e->screen);
  }
  if (ready <= 0) return false;
  if (fds[1].revents) hear_news(e);
  // Text before answers: a prompt comes below what was written before.
  if (fds[0].revents)
    show_text(e);
  else if (fds[3].revents)
    hear_answers(e);
  return fds[2].revents != 0;
}

static bool attend(struct editor *e, int fd, short events) {
  return attend_for(e, fd, events, -1);
}

// The program may not read while what it writes isn't shown: so text is shown while the line waits.
static void send_line(struct editor *e, const char *line, size_t length) {
  while (length > 0 && !e->is_over) {
    ssize_t n = write(e->ends.lines, line, length);
    if (n < 0 && errno != EINTR && errno != EAGAIN) return; // nobody reads any more
    if (n < 0) {
      attend(e, e->ends.lines, POLLOUT);
      continue;
    }
    line += n;
    length -= (size_t)n;
  }
}

// Ctrl-C has been typed. What was being typed goes; the program hears of it.
static void interrupt(struct editor *e) {
  e->is_interrupted = false;
  const LineInfoW *line = e->is_editing ? el_wline(e->edit) : NULL;
  int length = line ? (int)(line->lastchar - line->buffer) : 0;
  if (length > 0) {
    hide_line(e);
    el_cursor(e->edit, (int)(line->lastchar - line->cursor));
    el_deletestr(e->edit, length);
    if (!e->is_amid) show_line(e);
    fflush(e->screen);
  }
  static const char CLEARED[] = {EDITOR_INTERRUPT, '+', '\n'}, EMPTY[] = {EDITOR_INTERRUPT, '\n'};
  send_line(e, length > 0 ? CLEARED : EMPTY, length > 0 ? sizeof CLEARED : sizeof EMPTY);
}

// One byte that was typed; false at the end of what is typed, or of the text. In the middle of a
// line of text, keys wait.
static bool read_byte(struct editor *e, char *byte) {
  while (!e->is_over) {
    bool is_ready = attend(e, e->is_amid ? -1 : e->ends.terminal, POLLIN);
    if (e->is_interrupted) interrupt(e);
    if (!is_ready || e->is_amid || e->is_over) continue;
    ssize_t n = read(e->ends.terminal, byte, 1);
    if (n == 1) return true;
    if (n == 0 || errno != EINTR) return false;
  }
  return false;
}

// libedit's: 1 with a character, 0 at the end. Bytes that are no UTF-8 are dropped.
static int on_get_character(EditLine *edit, wchar_t *c) {
  struct editor *e = NULL;
  el_get(edit, EL_CLIENTDATA, &e);
  mbstate_t state = {0};
  char byte;
  while (read_byte(e, &byte)) {
    size_t n = mbrtowc(c, &byte, 1, &state);
    if (n == 0 || n == 1) return 1;
    if (n == (size_t)-1) state = (mbstate_t){0};
  }
  return 0;
}

// Lines ------------------------------------------------------------------------------------------

static char *on_prompt(EditLine *edit) {
  struct editor *e = NULL;
  el_get(edit, EL_CLIENTDATA, &e);
  const char *no_colour = getenv("NO_COLOR");
  const char *format = no_colour && *no_colour ? PLAIN_PROMPT : COLOURED_PROMPT;
  snprintf(e->shown_prompt, sizeof e->shown_prompt, format, e->prompt);
  return e->shown_prompt;
}

static void on_old_line(void *context, const char *line) {
  struct editor *e = context;
  HistEvent event;
  history(e->history, &event, H_ENTER, line);
}

static void explain_history(struct editor *e, int status) {
  if (status >= 0) return;
  fprintf(e->screen, "luaws: the history can't be kept in %s: %s\n", e->path, strerror(-status));
  mem_free(e->path);
  e->path = NULL;
}

static void remember(struct editor *e, const char *line, size_t length) {
  if (!recall_wants(line, length)) return;
  char *copy = mem_dup(line, length);
  on_old_line(e, copy);
  mem_free(copy);
  if (e->path) explain_history(e, recall_add(e->path, line, length));
}

// One line for the program: what is typed, or what it shall do.
static void tell(struct editor *e, char what, const char *text, size_t length) {
  if (e->style == EDITOR_CONSOLE) send_line(e, &what, 1);
  send_line(e, text, length);
  send_line(e, "\n", 1);
}

// Until the program asks for a line. False: it has ended.
static bool await_prompt(struct editor *e) {
  while (!e->is_over && !e->is_asked) {
    attend(e, -1, 0);
    if (e->is_interrupted) interrupt(e);
  }
  e->is_asked = false;
  return !e->is_over;
}

// What is on the screen without a newline behind it stays there.
static void begin_line(struct editor *e) {
  e->is_editing = true;
  if (e->style != EDITOR_CONSOLE || !e->is_amid) return;
  fputc('\n', e->screen);
  e->is_amid = false;
}

// False: nothing more is typed, or there is no more text.
static bool edit_line(struct editor *e) {
  int length = 0;
  if (e->style == EDITOR_CONSOLE && !await_prompt(e)) return false;
  begin_line(e);
  const char *line = el_gets(e->edit, &length);
  if (!line || length <= 0) {
    hide_line(e);
    e->is_editing = false;
    fflush(e->screen);
    return false;
  }
  e->is_editing = false;
  bool has_end = line[length - 1] == '\n';
  remember(e, line, (size_t)(length - has_end));
  e->is_asked = false; // an answer to ctrl-C may have come meanwhile
  tell(e, EDITOR_LINE, line, (size_t)(length - has_end));
  return true;
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
  size_t fit = count_columns(e) / (widest + 2), shown = 0;
  hide_line(e);
  for (const char *at = names; *at; at += strspn(at, " ")) {
    size_t length = strcspn(at, " ");
    bool is_last = ++shown % (fit > 0 ? fit : 1) == 0 || at[length] == '\0';
    fprintf(e->screen, "%-*.*s%s", is_last ? 0 : (int)widest + 2, (int)length, at,
            is_last ? "\n" : "");
    at += length;
  }
  show_line(e);
  fflush(e->screen);
}

// The answer, or NULL when it is too long in coming.
static const char *ask_for_names(struct editor *e, const char *line, size_t length) {
  mem_free(e->names);
  e->names = NULL;
  e->names_due++;
  tell(e, EDITOR_COMPLETE, line, length);
  uint64_t end = clock_ms() + NAMES_MS, now;
  while (!e->names && !e->is_over && !e->is_interrupted && (now = clock_ms()) < end)
    attend_for(e, -1, 0, (int)(end - now));
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

// The editor --------------------------------------------------------------------------------------

static void bind_keys(EditLine *edit) {
  static const char *const KEYS[][2] = {
      {"^R", "em-inc-search-prev"}, {"^W", "ed-delete-prev-word"},
      {"^I", "ed-insert"},          {"\\e[1;5C", "em-next-word"},
      {"\\e[1;5D", "ed-prev-word"}, {"\\e[3~", "ed-delete-next-char"},
      {"\\e[1~", "ed-move-to-beg"}, {"\\e[4~", "ed-move-to-end"},
  };
  for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
    el_set(edit, EL_BIND, KEYS[i][0], KEYS[i][1], NULL);
}

// (el_set would make copies of the two strings that nobody frees.)
static void bind_completion(EditLine *edit) {
  el_wset(edit, EL_ADDFN, L"luaws-complete", L"Completes names", on_complete);
  el_set(edit, EL_BIND, "^I", "luaws-complete", NULL);
}

// Ctrl-C is no end of the program here: what is typed around it stays, keys of several characters
// too, and so does what has just been written.
static void bind_interrupt(EditLine *edit) {
  el_set(edit, EL_SETTY, "-d", "+noflsh", NULL);
  el_set(edit, EL_SETTY, "-x", "+noflsh", NULL);
}

static void open_history(struct editor *e) {
  HistEvent event;
  e->history = history_init();
  history(e->history, &event, H_SETSIZE, RECALL_LINES);
  history(e->history, &event, H_SETUNIQUE, 1);
  e->path = recall_path(e->style == EDITOR_CONSOLE ? "console_history" : "history");
  if (e->path) explain_history(e, recall_load(e->path, on_old_line, e));
}

static void open_edit(struct editor *e) {
  e->edit = el_init("luaws", e->terminal, e->screen, e->screen);
  open_history(e);
  el_set(e->edit, EL_CLIENTDATA, e);
  el_set(e->edit, EL_EDITOR, "emacs");
  el_set(e->edit, EL_SIGNAL, 0);
  el_set(e->edit, EL_PROMPT_ESC, on_prompt, '\1');
  el_set(e->edit, EL_HIST, history, e->history);
  el_set(e->edit, EL_GETCFN, on_get_character);
  bind_keys(e->edit);
  if (e->style == EDITOR_CONSOLE) bind_completion(e->edit);
  // What is typed while no line is edited, between two lines for example, isn't shown twice.
  el_set(e->edit, EL_SETTY, "-x", "-echo", "-icanon", NULL);
  if (e->style == EDITOR_CONSOLE) bind_interrupt(e->edit);
  el_source(e->edit, NULL); // ~/.editrc
}

static void close_edit(struct editor *e) {
  el_end(e->edit);
  history_end(e->history);
  mem_free(e->path);
  editor_restore(e);
}

// Messages are UTF-8, whatever the environment says; for this thread alone.
static locale_t open_locale(void) {
  locale_t own = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
  if (own && strcmp(nl_langinfo_l(CODESET, own), "UTF-8") == 0) return own;
  locale_t plain = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (!plain) return own;
  if (own) freelocale(own);
  return plain;
}

static bool open_streams(struct editor *e) {
  int in = dup(e->ends.terminal), out = dup(e->ends.screen);
  e->terminal = in < 0 ? NULL : fdopen(in, "r");
  e->screen = out < 0 ? NULL : fdopen(out, "w");
  return e->terminal && e->screen && tcgetattr(e->ends.terminal, &e->before) == 0;
}

struct editor *editor_new(enum editor_style style, const struct editor_ends *ends,
                          struct err *err) {
  struct editor *e = mem_zalloc(sizeof *e);
  e->style = style;
  e->ends = *ends;
  e->prompt[0] = '>';
  buf_init(&e->answers, ANSWERS_MAX);
  if (pipe(e->news) != 0) e->news[0] = e->news[1] = -1;
  if (e->news[0] >= 0 && open_streams(e) && fcntl(ends->lines, F_SETFL, O_NONBLOCK) == 0) {
    e->chunk = mem_alloc(CHUNK);
    return e;
  }
  err_set_errno(err, errno, "can't use the terminal");
  editor_free(e);
  return NULL;
}

void editor_run(struct editor *e) {
  while (e->style == EDITOR_TALK && !e->is_over && (!e->has_shown || e->is_amid))
    attend(e, -1, 0);
  e->locale = open_locale();
  if (e->locale) e->old_locale = uselocale(e->locale);
  open_edit(e);
  while (!e->is_over && edit_line(e))
    continue;
  if (!e->is_over && e->style == EDITOR_TALK) send_line(e, FAREWELL, strlen(FAREWELL));
  if (!e->is_over && e->style == EDITOR_CONSOLE) tell(e, EDITOR_END, "", 0);
  while (!e->is_over)
    attend(e, -1, 0);
  close_edit(e);
  if (e->locale) uselocale(e->old_locale);
}

void editor_notify(struct editor *e, enum editor_news news) {
  char byte = (char)news;
  while (write(e->news[1], &byte, 1) < 0 && errno == EINTR)
    continue;
}

void editor_restore(const struct editor *e) {
  tcsetattr(e->ends.terminal, TCSANOW, &e->before);
}

void editor_free(struct editor *e) {
  if (!e) return;
  if (e->terminal) fclose(e->terminal);
  if (e->screen) fclose(e->screen);
  for (int i = 0; i < 2; i++)
    if (e->news[i] >= 0) close(e->news[i]);
  if (e->locale) freelocale(e->locale);
  buf_deinit(&e->answers);
  mem_free(e->names);
  mem_free(e->chunk);
  mem_free(e);
}
