// Lines from stdin, and answers to whoever has asked. Answers come from the worker's thread through
// a queue; the rest is main's.

#include "console.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach.h"
#include "base/list.h"
#include "base/mem.h"
#include "cli/editor.h"
#include "cli/input.h"
#include "mailbox/batch.h"
#include "script/worker.h"

enum {
  OWN_SESSION = 0,
  QUEUE_MAX = 8 * 1024 * 1024, // bytes of answers on their way; of what a line prints, the rest is
                               // left out
  JOINED = 4096,               // bytes of short texts that are one answer
};

struct answer {
  struct list node;
  uint64_t session;
  int kind;
  size_t size, room;
  char text[]; // room, of which size is used
};

struct console {
  uv_loop_t *loop;
  struct terminal *terminal; // NULL: stdin is read as it is
  void (*on_end)(void *context, int exit_code);
  void *context;
  struct worker *worker;
  struct attach *attach; // NULL: no socket
  bool has_stdin;
  bool shows_prompt;   // stdin is a terminal without an editor
  struct input input;  // of stdin
  uv_poll_t readable;  // stdin, where it can be waited for
  bool can_poll;       // else it is a file
  bool is_interrupted; // ctrl-C has been passed on and not yet answered
  bool has_begun;      // the worker has answered
  bool is_amid_chunk;  // the last prompt was that for the rest of a chunk
  bool is_finished;    // no more comes from stdin
  bool is_over;        // and on_end has been called
  bool has_failed;     // a line has
  unsigned prompts_due;
  uv_async_t news;
  uv_mutex_t mutex; // guards what follows
  struct list answers;
  size_t queued;     // bytes that they take
  uint64_t left_out; // bytes, of `deprived`, since the last notice
  uint64_t deprived; // the session
};

static void read_more(struct console *c);

// To the worker -----------------------------------------------------------------------------------

void console_request(struct worker *worker, uint64_t session, enum event_console kind,
                     const char *text, size_t size) {
  struct batch batch;
  batch_init(&batch, worker_mailbox(worker));
  struct record *r = batch_push(&batch, EVENT_CONSOLE, session, size);
  r->flags = (uint16_t)kind;
  if (size > 0) memcpy(r->payload, text, size);
  batch_flush(&batch);
  batch_deinit(&batch);
}

static void ask(struct console *c, enum event_console kind, const char *text, size_t size) {
  if (kind != CONSOLE_COMPLETE) c->prompts_due++;
  console_request(c->worker, OWN_SESSION, kind, text, size);
}

static void end(struct console *c) {
  if (c->is_over) return;
  c->is_over = true;
  if (c->can_poll) uv_poll_stop(&c->readable);
  bool fails = c->has_failed && !c->terminal && !c->shows_prompt;
  c->on_end(c->context, fails ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void finish(struct console *c) {
  c->is_finished = true;
  ask(c, CONSOLE_FINISH, NULL, 0);
}

// Ctrl-C. Where there is nothing to be ended by it but luaws, and where it has been of no use, it
// does what ctrl-D does.
static void interrupt(struct console *c, bool has_cleared) {
  bool is_idle = c->prompts_due == 0 && !c->is_amid_chunk && !has_cleared;
  if (is_idle || c->is_interrupted) {
    end(c);
    return;
  }
  c->is_interrupted = true;
  if (c->has_begun) worker_end_line(c->worker, OWN_SESSION);
  ask(c, CONSOLE_INTERRUPT, NULL, 0);
}

static void take_edited(struct console *c, struct span line) {
  if (line.n == 0) return;
  const char *text = line.p + 1;
  size_t size = line.n - 1;
  switch (line.p[0]) {
  case EDITOR_LINE: ask(c, CONSOLE_LINE, text, size); return;
  case EDITOR_COMPLETE: ask(c, CONSOLE_COMPLETE, text, size); return;
  case EDITOR_INTERRUPT: interrupt(c, size > 0); return;
  case EDITOR_END: end(c); return;
  }
}

// stdin -------------------------------------------------------------------------------------------

static void take_line(struct console *c, enum input_result result, struct span line) {
  if (result == INPUT_END) {
    finish(c);
  } else if (result == INPUT_TOO_LONG) {
    fprintf(stderr, "luaws: a line of more than %d MiB is left out\n", INPUT_LINE_MAX >> 20);
    c->has_failed = true;
  } else if (c->terminal) {
    take_edited(c, line);
  } else {
    ask(c, CONSOLE_LINE, line.p, line.n);
  }
}

// The editor's lines may ask for an interrupt at any time; others come one at a time.
static bool wants_line(const struct console *c) {
  return !c->is_finished && !c->is_over && (c->terminal || c->prompts_due == 0);
}

static void on_readable(uv_poll_t *handle, int status, int events) {
  (void)status, (void)events;
  struct console *c = handle->data;
  input_read(&c->input);
  read_more(c);
}

static void read_more(struct console *c) {
  while (wants_line(c)) {
    struct span line = {0};
    enum input_result result = input_next(&c->input, &line);
    if (result != INPUT_MORE)
      take_line(c, result, line);
    else if (!c->can_poll)
      input_read(&c->input);
    else {
      uv_poll_start(&c->readable, UV_READABLE, on_readable);
      return;
    }
  }
  if (c->can_poll) uv_poll_stop(&c->readable);
}

static void tell_editor(struct console *c, char kind, const char *text, size_t size) {
  if (c->terminal) terminal_answer(c->terminal, kind, text, size);
}

static void on_prompt(struct console *c, const char *text, size_t size) {
  c->prompts_due--;
  c->has_begun = true;
  size_t length = size > 1 && text[1] == '>' ? 2 : 1;
  c->is_amid_chunk = length == 2;
  if (size > length) c->has_failed = true;
  if (c->prompts_due > 0) return;
  c->is_interrupted = false;
  tell_editor(c, EDITOR_PROMPT, text, length);
  if (c->shows_prompt && !c->is_finished) {
    fprintf(stdout, "%.*s ", (int)length, text);
    fflush(stdout);
  }
  if (c->is_finished)
    end(c);
  else
    read_more(c);
}

static void take_answer(struct console *c, int kind, const char *text, size_t size) {
  switch (kind) {
  case CONSOLE_PROMPT: on_prompt(c, text, size); return;
  case CONSOLE_NAMES: tell_editor(c, EDITOR_NAMES, text, size); return;
  case CONSOLE_GREETING:
    if (!c->terminal) return;
    printf("%.*s (tab completes, ctrl-D ends luaws)\n", (int)size, text);
    fflush(stdout);
    return;
  }
}

// From the worker ---------------------------------------------------------------------------------

// Behind the latest, if that is for the same eyes and has room. Lock held.
static bool join(struct console *c, uint64_t session, int kind, const char *text, size_t size) {
  if (kind != CONSOLE_TEXT || list_empty(&c->answers)) return false;
  struct answer *a = LIST_ENTRY(c->answers.prev, struct answer, node);
  if (a->session != session || a->kind != kind || a->room - a->size < size) return false;
  memcpy(a->text + a->size, text, size);
  a->size += size;
  return true;
}

// Lock held.
static void push(struct console *c, uint64_t session, int kind, const char *text, size_t size) {
  if (join(c, session, kind, text, size)) return;
  size_t room = kind == CONSOLE_TEXT && size < JOINED ? JOINED : size;
  struct answer *a = mem_alloc(sizeof *a + room);
  *a = (struct answer){.session = session, .kind = kind, .size = size, .room = room};
  memcpy(a->text, text, size);
  c->queued += sizeof *a + room;
  list_push(&c->answers, &a->node);
}

// Lock held.
static void tell_left_out(struct console *c) {
  if (c->left_out == 0) return;
  char text[64];
  int size = snprintf(text, sizeof text, "luaws: %llu bytes are left out\n",
                      (unsigned long long)c->left_out);
  c->left_out = 0;
  push(c, c->deprived, CONSOLE_ERROR, text, (size_t)size);
}

// A prompt comes behind whatever is left out, so that the notice always finds its place.
void console_answer(struct console *c, uint64_t session, int kind, const char *text, size_t size) {
  bool is_text = kind == CONSOLE_TEXT || kind == CONSOLE_ERROR;
  uv_mutex_lock(&c->mutex);
  bool is_left_out = is_text && c->queued > QUEUE_MAX;
  if (!is_left_out || session != c->deprived) tell_left_out(c);
  if (is_left_out) {
    c->left_out += size;
    c->deprived = session;
  } else {
    push(c, session, kind, text, size);
  }
  uv_mutex_unlock(&c->mutex);
  uv_async_send(&c->news);
}

static void deliver(struct console *c, const struct answer *a) {
  if (a->session == OWN_SESSION)
    take_answer(c, a->kind, a->text, a->size);
  else if (c->attach)
    attach_answer(c->attach, a->session, a->kind, a->text, a->size);
}

static void on_news(uv_async_t *handle) {
  struct console *c = handle->data;
  struct list answers;
  list_init(&answers);
  uv_mutex_lock(&c->mutex);
  list_splice(&answers, &c->answers);
  c->queued = 0;
  uv_mutex_unlock(&c->mutex);
  for (struct list *node; (node = list_pop(&answers));) {
    struct answer *a = LIST_ENTRY(node, struct answer, node);
    deliver(c, a);
    mem_free(a);
  }
}

// The whole ---------------------------------------------------------------------------------------

static int open_stdin(struct console *c) {
  int flags = fcntl(STDIN_FILENO, F_GETFL);
  c->has_stdin = true;
  input_init(&c->input, STDIN_FILENO);
  c->shows_prompt = !c->terminal && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  int status = uv_poll_init(c->loop, &c->readable, STDIN_FILENO);
  c->readable.data = c;
  c->can_poll = status == 0;
  // libuv has made it non-blocking, for all who share it: the terminal's stdout, the shell.
  if (flags >= 0) fcntl(STDIN_FILENO, F_SETFL, flags);
  return status == UV_EPERM ? 0 : status; // a file
}

struct console *console_new(struct terminal *terminal, void (*on_end)(void *context, int exit_code),
                            void *context) {
  struct console *c = mem_zalloc(sizeof *c);
  c->terminal = terminal;
  c->on_end = on_end;
  c->context = context;
  list_init(&c->answers);
  uv_mutex_init(&c->mutex);
  return c;
}

int console_open(struct console *c, const struct options *o, uv_loop_t *loop, struct err *err) {
  c->loop = loop;
  c->news.data = c;
  int status = uv_async_init(loop, &c->news, on_news);
  if (status == 0 && o->console) status = open_stdin(c);
  if (status < 0) err_set_errno(err, -status, "the console");
  if (status < 0 || !o->attach) return status;
  c->attach = attach_open(o->attach_path, loop, err);
  return c->attach ? 0 : ERR_INVALID;
}

void console_start(struct console *c, struct worker *worker) {
  c->worker = worker;
  if (c->attach) attach_start(c->attach, worker);
  if (c->has_stdin) ask(c, CONSOLE_OPEN, NULL, 0);
}

void console_stop(struct console *c) {
  if (!c) return;
  c->is_over = true;
  if (c->attach) attach_stop(c->attach);
}

void console_free(struct console *c) {
  if (!c) return;
  for (struct list *node; (node = list_pop(&c->answers));)
    mem_free(LIST_ENTRY(node, struct answer, node));
  if (c->has_stdin) input_deinit(&c->input);
  attach_free(c->attach);
  uv_mutex_destroy(&c->mutex);
  mem_free(c);
}
