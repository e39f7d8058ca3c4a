// The guests. Their frames are checked here, passed on to the worker, and its answers written, as
// far as they are read. Main thread.

#include "attach.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/character.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/gate.h"
#include "console.h"

enum {
  GUESTS_MAX = 16,
  HEAD = 5,                      // bytes of a frame before its text
  TEXT_MAX = 1024 * 1024,        // bytes of a text in a frame
  WAITING_MAX = 8 * 1024 * 1024, // bytes that letters for a guest take; of what a line prints, the
                                 // rest is left out
  DUE_MAX = 16,                  // requests of a guest that aren't answered
  HELLO_MS = 5000,               // for the first frame
  PAUSE_MS = 1000 // after somebody could not be let in: for want of descriptors, perhaps
};

struct guest {
  struct list node; // of attach.guests
  struct attach *attach;
  uint64_t session;
  uv_pipe_t pipe;
  uv_timer_t patience; // runs until the first frame has come
  unsigned handles;    // of these, that are not closed
  struct buf in;
  bool is_open;    // the first frame has come
  bool has_begun;  // and the worker has answered it
  bool is_leaving; // nothing more is read or written
  unsigned prompts_due, names_due;
  size_t waiting;    // bytes of its letters
  uint64_t left_out; // bytes, since the last notice
};

struct attach {
  uv_loop_t *loop;
  struct gate *gate;
  uv_poll_t door;
  uv_timer_t pause; // runs while the door isn't watched
  struct worker *worker;
  struct list guests; // struct guest, until their handles are closed
  unsigned count;     // those that are not leaving
  uint64_t last_session;
};

struct letter {
  uv_write_t request; // .data: the guest
  size_t size;        // of all of it
  char bytes[];
};

// Guests ------------------------------------------------------------------------------------------

static void on_closed(uv_handle_t *handle) {
  struct guest *g = handle->data;
  if (--g->handles > 0) return;
  list_remove(&g->node);
  buf_deinit(&g->in);
  mem_free(g);
}

static void close_handle(uv_handle_t *handle) {
  if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

static void leave(struct guest *g) {
  if (g->is_leaving) return;
  g->is_leaving = true;
  g->attach->count--;
  if (g->has_begun) worker_end_line(g->attach->worker, g->session);
  if (g->is_open) console_request(g->attach->worker, g->session, CONSOLE_CLOSE, NULL, 0);
  close_handle((uv_handle_t *)&g->pipe);
  close_handle((uv_handle_t *)&g->patience);
}

static void on_written(uv_write_t *request, int status) {
  (void)status; // who can't be written to is read no more either: on_read hears of it
  struct guest *g = request->data;
  g->waiting -= ((struct letter *)request)->size;
  mem_free(request);
}

static void write_frame(struct guest *g, enum event_console kind, const char *text, size_t size) {
  struct letter *l = mem_alloc(sizeof *l + HEAD + size);
  l->request.data = g;
  l->size = sizeof *l + HEAD + size;
  uint32_t length = (uint32_t)size + 1;
  for (int i = 0; i < 4; i++)
    l->bytes[i] = (char)(length >> (8 * i));
  l->bytes[4] = (char)kind;
  if (size > 0) memcpy(l->bytes + HEAD, text, size);
  uv_buf_t buf = uv_buf_init(l->bytes, (unsigned)(HEAD + size));
  if (uv_write(&l->request, (uv_stream_t *)&g->pipe, &buf, 1, on_written) == 0)
    g->waiting += l->size;
  else
    mem_free(l);
}

static void write_frames(struct guest *g, enum event_console kind, const char *text, size_t size) {
  size_t n;
  do {
    n = character_cut(text, size, TEXT_MAX);
    if (n == 0 && size > 0) n = TEXT_MAX; // no text at all
    write_frame(g, kind, text, n);
    text += n;
    size -= n;
  } while (size > 0);
}

static void write_text(struct guest *g, enum event_console kind, const char *text) {
  write_frame(g, kind, text, strlen(text));
}

// A small last frame: it is written at once, or not at all.
static void dismiss(struct guest *g, const char *why) {
  if (g->is_leaving) return;
  write_text(g, CONSOLE_BYE, why);
  leave(g);
}

// Frames ------------------------------------------------------------------------------------------

static void request(struct guest *g, enum event_console kind, const char *text, size_t size) {
  console_request(g->attach->worker, g->session, kind, text, size);
}

static void greet(struct guest *g, const char *text, size_t size) {
  bool is_hello = size == strlen(ATTACH_HELLO) && memcmp(text, ATTACH_HELLO, size) == 0;
  if (g->is_open || !is_hello) {
    dismiss(g, "it isn't 'luaws attach' of this version that has connected");
    return;
  }
  g->is_open = true;
  uv_timer_stop(&g->patience);
  g->prompts_due++;
  request(g, CONSOLE_OPEN, NULL, 0);
}

static void take_frame(struct guest *g, int kind, const char *text, size_t size) {
  if (kind == CONSOLE_OPEN || !g->is_open) {
    greet(g, text, kind == CONSOLE_OPEN ? size : 0);
    return;
  }
  bool is_known = kind == CONSOLE_LINE || kind == CONSOLE_FINISH || kind == CONSOLE_COMPLETE ||
                  kind == CONSOLE_INTERRUPT;
  if (!is_known || g->prompts_due + g->names_due >= DUE_MAX) {
    dismiss(g, is_known ? "too many requests at a time" : "a request of no known kind");
    return;
  }
  if (kind == CONSOLE_COMPLETE)
    g->names_due++;
  else
    g->prompts_due++;
  if (kind == CONSOLE_INTERRUPT && g->has_begun) worker_end_line(g->attach->worker, g->session);
  request(g, (enum event_console)kind, text, size);
}

static uint32_t read_length(const char *bytes) {
  const unsigned char *b = (const unsigned char *)bytes;
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void take_frames(struct guest *g) {
  while (!g->is_leaving && g->in.len >= HEAD) {
    uint32_t length = read_length(g->in.data);
    if (length < 1 || length > TEXT_MAX + 1) {
      dismiss(g, "a request that is too long, or none");
      return;
    }
    if (g->in.len < 4 + (size_t)length) return;
    take_frame(g, g->in.data[4], g->in.data + HEAD, length - 1);
    buf_consume(&g->in, 4 + (size_t)length);
  }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  static const unsigned CHUNK = 65536;
  struct guest *g = handle->data;
  char *room = buf_reserve(&g->in, CHUNK);
  *buf = uv_buf_init(room, room ? CHUNK : 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  struct guest *g = stream->data;
  if (n < 0) {
    leave(g);
    return;
  }
  g->in.len += (size_t)n;
  take_frames(g);
}

// The door ----------------------------------------------------------------------------------------

static void on_silence(uv_timer_t *timer) {
  dismiss(timer->data, "it has said nothing");
}

static void let_in(struct attach *a, int fd) {
  struct guest *g = mem_zalloc(sizeof *g);
  g->attach = a;
  g->session = ++a->last_session;
  buf_init(&g->in, TEXT_MAX + 128 * 1024);
  list_push(&a->guests, &g->node);
  a->count++;
  uv_pipe_init(a->loop, &g->pipe, 0);
  uv_timer_init(a->loop, &g->patience);
  g->handles = 2;
  g->pipe.data = g->patience.data = g;
  if (uv_pipe_open(&g->pipe, fd) < 0) {
    close(fd);
    leave(g);
    return;
  }
  if (a->count > GUESTS_MAX) {
    dismiss(g, "too many are attached already");
    return;
  }
  uv_timer_start(&g->patience, on_silence, HELLO_MS, 0);
  if (uv_read_start((uv_stream_t *)&g->pipe, on_alloc, on_read) < 0) leave(g);
}

static void on_door(uv_poll_t *door, int status, int events);

static void watch_door(uv_timer_t *pause) {
  struct attach *a = pause->data;
  uv_poll_start(&a->door, UV_READABLE, on_door);
}

static void on_door(uv_poll_t *door, int status, int events) {
  (void)events;
  struct attach *a = door->data;
  struct err err = {.text = ""};
  int fd = status < 0 ? -1 : gate_accept(a->gate, &err);
  if (fd >= 0) let_in(a, fd);
  if (err.text[0]) log_warn("%s", err.text);
  if (strcmp(err.component, ERR_UV__) != 0) return;
  uv_poll_stop(door);
  uv_timer_start(&a->pause, watch_door, PAUSE_MS, 0);
}

struct attach *attach_open(const char *path, uv_loop_t *loop, struct err *err) {
  struct gate *gate = gate_open(path, err);
  if (!gate) return NULL;
  struct attach *a = mem_zalloc(sizeof *a);
  a->loop = loop;
  a->gate = gate;
  list_init(&a->guests);
  a->door.data = a->pause.data = a;
  int status = uv_poll_init(loop, &a->door, gate_fd(gate));
  if (status == 0) {
    uv_timer_init(loop, &a->pause);
    return a;
  }
  err_set_errno(err, -status, "the console's socket");
  gate_close(gate);
  mem_free(a);
  return NULL;
}

void attach_start(struct attach *a, struct worker *worker) {
  a->worker = worker;
  watch_door(&a->pause);
  log_info("the console's socket is %s", gate_path(a->gate));
}

// Answers -----------------------------------------------------------------------------------------

static struct guest *find_guest(struct attach *a, uint64_t session) {
  for (struct list *i = a->guests.next; i != &a->guests; i = i->next) {
    struct guest *g = LIST_ENTRY(i, struct guest, node);
    if (g->session == session) return g->is_leaving ? NULL : g;
  }
  return NULL;
}

// What a line prints is left out while too much waits.
static bool is_left_out(struct guest *g, int kind, size_t size) {
  bool is_text = kind == CONSOLE_TEXT || kind == CONSOLE_ERROR;
  if (is_text && g->waiting > WAITING_MAX) {
    g->left_out += size;
    return true;
  }
  if (g->left_out == 0) return false;
  char notice[64];
  snprintf(notice, sizeof notice, "luaws: %llu bytes are left out\n",
           (unsigned long long)g->left_out);
  g->left_out = 0;
  write_text(g, CONSOLE_ERROR, notice);
  return false;
}

void attach_answer(struct attach *a, uint64_t session, int kind, const char *text, size_t size) {
  struct guest *g = find_guest(a, session);
  if (!g || is_left_out(g, kind, size)) return;
  g->has_begun = true;
  if (kind == CONSOLE_PROMPT && g->prompts_due > 0) g->prompts_due--;
  if (kind == CONSOLE_NAMES && g->names_due > 0) g->names_due--;
  write_frames(g, (enum event_console)kind, text, size);
}

void attach_stop(struct attach *a) {
  for (struct list *i = a->guests.next, *next; i != &a->guests; i = next) {
    next = i->next;
    dismiss(LIST_ENTRY(i, struct guest, node), "luaws has ended");
  }
  if (!uv_is_closing((uv_handle_t *)&a->door)) uv_close((uv_handle_t *)&a->door, NULL);
  gate_close(a->gate);
  a->gate = NULL;
}

void attach_free(struct attach *a) {
  if (!a) return;
  gate_close(a->gate);
  mem_free(a);
}
