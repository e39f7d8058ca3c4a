// The pipes between the process and the line editor, and the editor's thread. Main thread, but for
// run.

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "cli/editor.h"

enum { STREAMS = 3, SIGNALS = 4 };

struct terminal {
  struct editor *editor;
  enum editor_style style;
  struct editor_ends ends;
  int answers;          // the program's end of ends.answers, or -1
  int streams[STREAMS]; // what stdin, stdout and stderr were; -1: as it is
  uv_thread_t thread;
  uv_signal_t signals[SIGNALS];
};

bool terminal_is_there(void) {
  const char *type = getenv("TERM");
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type && *type &&
         strcmp(type, "dumb") != 0;
}

// The editor's thread.
static void run(void *context) {
  struct terminal *t = context;
  editor_run(t->editor);
}

static int duplicate(int fd) {
  return fcntl(fd, F_DUPFD_CLOEXEC, STREAMS);
}

static void close_fd(int fd) {
  if (fd >= 0) close(fd);
}

// A pipe whose one end becomes the process's stream `fd`; the other is returned, or -1.
static int replace(struct terminal *t, int fd) {
  int ends[2];
  if (uv_pipe(ends, 0, 0) != 0) return -1;
  int own = fd == STDIN_FILENO ? 0 : 1;
  t->streams[fd] = duplicate(fd);
  bool is_replaced = t->streams[fd] >= 0 && dup2(ends[own], fd) >= 0;
  close(ends[own]);
  if (is_replaced) return ends[1 - own];
  close(ends[1 - own]);
  return -1;
}

// stderr goes the way of stdout, so that what is written to both keeps its order.
static bool replace_streams(struct terminal *t) {
  t->ends.lines = replace(t, STDIN_FILENO);
  t->ends.text = replace(t, STDOUT_FILENO);
  if (t->ends.lines < 0 || t->ends.text < 0) return false;
  if (!isatty(STDERR_FILENO)) return true;
  t->streams[STDERR_FILENO] = duplicate(STDERR_FILENO);
  return t->streams[STDERR_FILENO] >= 0 && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0;
}

static bool open_answers(struct terminal *t) {
  int ends[2];
  if (t->style != EDITOR_CONSOLE) return true;
  if (uv_pipe(ends, 0, 0) != 0) return false;
  t->ends.answers = ends[0];
  t->answers = ends[1];
  return true;
}

static void give_streams_back(struct terminal *t) {
  fflush(stdout);
  for (int fd = 0; fd < STREAMS; fd++)
    if (t->streams[fd] >= 0) dup2(t->streams[fd], fd);
}

static struct terminal *new_terminal(enum editor_style style) {
  struct terminal *t = mem_zalloc(sizeof *t);
  t->style = style;
  t->ends = (struct editor_ends){-1, -1, -1, -1, -1};
  t->answers = -1;
  for (int fd = 0; fd < STREAMS; fd++)
    t->streams[fd] = -1;
  return t;
}

static int start(struct terminal *t, struct err *err) {
  if (!replace_streams(t) || !open_answers(t)) {
    err_set_errno(err, errno, "can't use the terminal");
    return ERR_INVALID;
  }
  t->ends.terminal = t->streams[STDIN_FILENO];
  t->ends.screen = t->streams[STDOUT_FILENO];
  t->editor = editor_new(t->style, &t->ends, err);
  if (!t->editor) return ERR_INVALID;
  int status = uv_thread_create(&t->thread, run, t);
  if (status < 0) err_set_errno(err, -status, "can't start a thread");
  return status;
}

struct terminal *terminal_open(enum editor_style style, struct err *err) {
  struct terminal *t = new_terminal(style);
  if (start(t, err) == 0) return t;
  give_streams_back(t);
  terminal_free(t);
  return NULL;
}

int terminal_answers(const struct terminal *t) {
  return t->answers;
}

// Answers are short, and few: one for each line that the editor sends.
void terminal_answer(const struct terminal *t, char kind, const char *text, size_t size) {
  char *line = mem_alloc(size + 2);
  line[0] = kind;
  memcpy(line + 1, text, size);
  line[size + 1] = '\n';
  for (size_t done = 0; done < size + 2;) {
    ssize_t n = write(t->answers, line + done, size + 2 - done);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) done += (size_t)n;
  }
  mem_free(line);
}

bool terminal_interrupt(const struct terminal *t) {
  if (t->style != EDITOR_CONSOLE) return false;
  editor_notify(t->editor, EDITOR_INTERRUPTED);
  return true;
}

// What SIGQUIT usually does, but for the state of the terminal.
static void quit(const struct terminal *t) {
  terminal_restore(t);
  signal(SIGQUIT, SIG_DFL);
  raise(SIGQUIT);
}

static void on_signal(uv_signal_t *handle, int number) {
  const struct terminal *t = handle->data;
  switch (number) {
  case SIGWINCH: editor_notify(t->editor, EDITOR_RESIZED); break;
  case SIGTSTP: editor_notify(t->editor, EDITOR_SUSPENDED); break;
  case SIGCONT: editor_notify(t->editor, EDITOR_RESUMED); break;
  default: quit(t);
  }
}

int terminal_watch(struct terminal *t, uv_loop_t *loop) {
  static const int NUMBERS[SIGNALS] = {SIGWINCH, SIGTSTP, SIGCONT, SIGQUIT};
  for (int i = 0; i < SIGNALS; i++) {
    int status = uv_signal_init(loop, &t->signals[i]);
    if (status < 0) return status;
    t->signals[i].data = t;
    status = uv_signal_start(&t->signals[i], on_signal, NUMBERS[i]);
    if (status < 0) return status;
  }
  return 0;
}

void terminal_restore(const struct terminal *t) {
  editor_restore(t->editor);
}

// With the last of the process's ends of the pipes, the editor's text is at its end.
void terminal_close(struct terminal *t) {
  if (!t) return;
  give_streams_back(t);
  uv_thread_join(&t->thread);
}

void terminal_free(struct terminal *t) {
  if (!t) return;
  editor_free(t->editor);
  close_fd(t->ends.lines);
  close_fd(t->ends.text);
  close_fd(t->ends.answers);
  close_fd(t->answers);
  for (int fd = 0; fd < STREAMS; fd++)
    close_fd(t->streams[fd]);
  mem_free(t);
}
