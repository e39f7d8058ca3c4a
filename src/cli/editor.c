// The line editor: libedit, whose wait for the next character is ours, so that it ends for text to
// show, too. All but editor_notify and editor_restore runs in the editor's thread.

#include "cli/editor.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include "base/buf.h"
#include "base/mem.h"
#include "cli/editor_state.h"
#include "cli/recall.h"
#include "cli/row.h"

enum {
  CHUNK = 65536,  // bytes of text that are shown between two looks at the keyboard
  REST_MS = 1000, // how long the keyboard waits for the rest of a line that has begun to be shown
  ANSWERS_MAX = 65536, // bytes of answers that are not whole
  USUAL_COLUMNS = 80,
};

#define FAREWELL "/quit\n"

// \1 encloses what takes no room on the screen.
#define PLAIN_PROMPT    "%s "
#define COLOURED_PROMPT "\1\033[1;32m\1%s\1\033[0m\1 "

// The terminal ------------------------------------------------------------------------------------

unsigned editor_columns(struct editor *e) {
  int columns = 0;
  el_get(e->edit, EL_GETTC, "co", &columns);
  return columns > 0 ? (unsigned)columns : USUAL_COLUMNS;
}

void editor_hide_line(struct editor *e) {
  const LineInfoW *line = el_wline(e->edit);
  size_t row = row_of_cursor(line->buffer, (size_t)(line->cursor - line->buffer),
                             (unsigned)strlen(e->prompt) + 1, editor_columns(e));
  if (row > 0) fprintf(e->screen, "\033[%zuA", row);
  fputs("\r\033[J", e->screen);
}

void editor_show_line(struct editor *e) {
  el_set(e->edit, EL_REFRESH);
}

static void end_line(struct editor *e) {
  e->is_amid = false;
  if (e->is_editing) editor_show_line(e);
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
  if (e->is_editing && !e->is_amid) editor_hide_line(e);
  fwrite(e->chunk, 1, (size_t)n, e->screen);
  e->is_amid = e->chunk[n - 1] != '\n';
  if (!e->is_amid) end_line(e);
  fflush(e->screen);
}

// The shell has its terminal while the process is stopped.
static void suspend(struct editor *e) {
  if (e->is_editing) {
    editor_hide_line(e);
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
  editor_show_line(e);
}

static void resize(struct editor *e) {
  if (!e->is_editing) return;
  editor_hide_line(e);
  el_resize(e->edit);
  editor_show_line(e);
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

// Waits ------------------------------------------------------------------------------------------

bool editor_attend(struct editor *e, int fd, short events, int patience) {
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
    editor_console_hear(e);
  return fds[2].revents != 0;
}

// The program may not read while what it writes isn't shown: so text is shown while the line waits.
static void send_line(struct editor *e, const char *line, size_t length) {
  while (length > 0 && !e->is_over) {
    ssize_t n = write(e->ends.lines, line, length);
    if (n < 0 && errno != EINTR && errno != EAGAIN) return; // nobody reads any more
    if (n < 0) {
      editor_attend(e, e->ends.lines, POLLOUT, -1);
      continue;
    }
    line += n;
    length -= (size_t)n;
  }
}

// One byte that was typed; false at the end of what is typed, or of the text. In the middle of a
// line of text, keys wait.
static bool read_byte(struct editor *e, char *byte) {
  while (!e->is_over) {
    bool is_ready = editor_attend(e, e->is_amid ? -1 : e->ends.terminal, POLLIN, -1);
    if (e->is_interrupted) editor_console_interrupt(e);
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

void editor_tell(struct editor *e, char what, const char *text, size_t length) {
  if (e->style == EDITOR_CONSOLE) send_line(e, &what, 1);
  send_line(e, text, length);
  send_line(e, "\n", 1);
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
  if (e->style == EDITOR_CONSOLE && !editor_console_await_prompt(e)) return false;
  begin_line(e);
  const char *line = el_gets(e->edit, &length);
  if (!line || length <= 0) {
    editor_hide_line(e);
    e->is_editing = false;
    fflush(e->screen);
    return false;
  }
  e->is_editing = false;
  bool has_end = line[length - 1] == '\n';
  remember(e, line, (size_t)(length - has_end));
  e->is_asked = false; // an answer to ctrl-C may have come meanwhile
  editor_tell(e, EDITOR_LINE, line, (size_t)(length - has_end));
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
  // What is typed while no line is edited, between two lines for example, isn't shown twice.
  el_set(e->edit, EL_SETTY, "-x", "-echo", "-icanon", NULL);
  if (e->style == EDITOR_CONSOLE) editor_console_bind(e->edit);
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
    editor_attend(e, -1, 0, -1);
  e->locale = open_locale();
  if (e->locale) e->old_locale = uselocale(e->locale);
  open_edit(e);
  while (!e->is_over && edit_line(e))
    continue;
  if (!e->is_over && e->style == EDITOR_TALK) send_line(e, FAREWELL, strlen(FAREWELL));
  if (!e->is_over && e->style == EDITOR_CONSOLE) editor_tell(e, EDITOR_END, "", 0);
  while (!e->is_over)
    editor_attend(e, -1, 0, -1);
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
