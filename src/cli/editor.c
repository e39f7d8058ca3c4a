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
#include "base/mem.h"
#include "cli/recall.h"
#include "cli/row.h"

enum {
  PROMPT_WIDTH = 2,
  CHUNK = 65536,  // bytes of text that are shown between two looks at the keyboard
  REST_MS = 1000, // how long the keyboard waits for the rest of a line that has begun to be shown
  USUAL_COLUMNS = 80,
};

// \1 encloses what takes no room on the screen.
#define PLAIN_PROMPT    "> "
#define COLOURED_PROMPT "\1\033[1;32m\1>\1\033[0m\1 "

struct editor {
  struct editor_ends ends;
  int news[2];           // a pipe: editor_notify writes, the editor reads
  struct termios before; // the terminal as it was
  FILE *terminal, *screen;
  locale_t locale, old_locale;
  EditLine *edit;
  History *history;
  char *path;      // of the history's file, NULL: there is none
  char *chunk;     // text on its way
  bool is_editing; // libedit has drawn its line, or is about to
  bool is_amid;    // the text shown last has no '\n' at its end
  bool has_shown;  // some text
  bool is_over;    // there is no more text
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
  size_t row = row_of_cursor(line->buffer, (size_t)(line->cursor - line->buffer), PROMPT_WIDTH,
                             count_columns(e));
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
  }
}

// Waits ------------------------------------------------------------------------------------------

// One wait for text and news, which are dealt with, and for `fd` (-1: none). True: that is ready.
static bool attend(struct editor *e, int fd, short events) {
  struct pollfd fds[] = {{.fd = e->ends.text, .events = POLLIN},
                         {.fd = e->news[0], .events = POLLIN},
                         {.fd = fd, .events = events}};
  int ready = poll(fds, sizeof fds / sizeof *fds, e->is_amid ? REST_MS : -1);
  if (ready == 0) { // the rest of the line is long in coming
    fputc('\n', e->screen);
    end_line(e);
    fflush(e->screen);
  }
  if (ready <= 0) return false;
  if (fds[1].revents) hear_news(e);
  if (fds[0].revents) show_text(e);
  return fds[2].revents != 0;
}

// One byte that was typed; false at the end of what is typed, or of the text. In the middle of a
// line of text, keys wait.
static bool read_byte(struct editor *e, char *byte) {
  while (!e->is_over) {
    bool is_ready = attend(e, e->is_amid ? -1 : e->ends.terminal, POLLIN);
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
  (void)edit;
  const char *no_colour = getenv("NO_COLOR");
  return no_colour && *no_colour ? PLAIN_PROMPT : COLOURED_PROMPT;
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

// False: nothing more is typed, or there is no more text.
static bool edit_line(struct editor *e) {
  int length = 0;
  e->is_editing = true;
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
  send_line(e, line, (size_t)length);
  if (!has_end) send_line(e, "\n", 1);
  return true;
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

static void open_history(struct editor *e) {
  HistEvent event;
  e->history = history_init();
  history(e->history, &event, H_SETSIZE, RECALL_LINES);
  history(e->history, &event, H_SETUNIQUE, 1);
  e->path = recall_path();
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
  // What is typed while no line is edited, between two lines for example, isn't shown twice.
  el_set(e->edit, EL_SETTY, "-x", "-echo", "-icanon", NULL);
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

struct editor *editor_new(const struct editor_ends *ends, struct err *err) {
  struct editor *e = mem_zalloc(sizeof *e);
  e->ends = *ends;
  if (pipe(e->news) != 0) e->news[0] = e->news[1] = -1;
  if (e->news[0] >= 0 && open_streams(e) && fcntl(ends->lines, F_SETFL, O_NONBLOCK) == 0) {
    e->chunk = mem_alloc(CHUNK);
    return e;
  }
  err_set_errno(err, errno, "can't use the terminal");
  editor_free(e);
  return NULL;
}

void editor_run(struct editor *e, const char *farewell) {
  while (!e->is_over && (!e->has_shown || e->is_amid))
    attend(e, -1, 0);
  e->locale = open_locale();
  if (e->locale) e->old_locale = uselocale(e->locale);
  open_edit(e);
  while (!e->is_over && edit_line(e))
    continue;
  if (!e->is_over) send_line(e, farewell, strlen(farewell));
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
  mem_free(e->chunk);
  mem_free(e);
}
