// Readiness. Loop thread.

#include "net/poller.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"

// Reports that somebody has asked for -------------------------------------------------------------

void poller_report(struct poll_item *item) {
  struct poller *p = item->poller;
  if (item->fd < 0 || item->is_due) return;
  if (p->due_count == p->due_capacity) {
    p->due_capacity = p->due_capacity ? p->due_capacity * 2 : 64;
    p->due = mem_realloc(p->due, p->due_capacity * sizeof *p->due);
  }
  item->is_due = true;
  p->due[p->due_count++] = item;
}

// Those that are asked for meanwhile have to wait.
static void report_due(struct poller *p) {
  size_t count = p->due_count, done = 0;
  while (done < count && !p->is_halted) {
    struct poll_item *item = p->due[done];
    p->due[done++] = NULL; // it may come again, further behind
    if (!item) continue;
    item->is_due = false;
    if (item->wanted & UV_READABLE) p->on_ready(item, true, false);
  }
  p->due_count -= done;
  if (done > 0) memmove(p->due, p->due + done, p->due_count * sizeof *p->due);
}

static void forget_due(struct poll_item *item) {
  struct poller *p = item->poller;
  for (size_t i = 0; item->is_due; i++) {
    assert(i < p->due_count);
    if (p->due[i] != item) continue;
    p->due[i] = NULL;
    item->is_due = false;
  }
}

bool poller_may_toil(struct poller *p) {
  return p->toils++ < POLLER_TOILS;
}

#ifdef POLLER_EPOLL

// Reading alone is watched for edges, so that the kernel need not look at each socket a second time
// in the next wait; poller_read_on makes up for reads that leave something. Who also wants to write
// may stop in the middle for reasons of his own: that is watched by level.
static uint32_t mask_of(int wanted) {
  switch (wanted) {
  case 0: return EPOLLET; // errors are always told: once, not again and again
  case UV_READABLE: return EPOLLIN | EPOLLRDHUP | EPOLLET;
  case UV_WRITABLE: return EPOLLOUT;
  default: return EPOLLIN | EPOLLOUT | EPOLLRDHUP;
  }
}

static int control(struct poll_item *item, int operation) {
  struct epoll_event event = {.events = mask_of(item->wanted), .data.ptr = item};
  return epoll_ctl(item->poller->epoll, operation, item->fd, &event) == 0 ? 0 : -errno;
}

static void report(struct poller *p, struct poll_item *item, uint32_t events) {
  if (!item || item->fd < 0 || item->wanted == 0) return; // another one's event has changed that
  bool reads = item->wanted & UV_READABLE, writes = item->wanted & UV_WRITABLE;
  item->is_ending = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  bool readable = (reads && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))) || (events & EPOLLERR);
  bool writable = writes && (events & (EPOLLOUT | EPOLLHUP));
  if (readable || writable) p->on_ready(item, readable, writable);
}

void poller_look(struct poller *p) {
  if (p->at == p->count) {
    int count = epoll_wait(p->epoll, p->ready, POLLER_EVENTS, 0);
    p->count = count > 0 ? count : 0;
    p->at = 0;
  }
  poller_resume(p);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  poller_look(poll->data);
}

int poller_open(struct poller *p, uv_loop_t *loop,
                void (*on_ready)(struct poll_item *item, bool readable, bool writable),
                void (*on_removed)(struct poll_item *item)) {
  *p = (struct poller){.loop = loop, .on_ready = on_ready, .on_removed = on_removed};
  p->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (p->epoll < 0) return -errno;
  int status = uv_poll_init(loop, &p->poll, p->epoll);
  if (status < 0) {
    close(p->epoll);
    return status;
  }
  p->poll.data = p;
  uv_poll_start(&p->poll, UV_READABLE, on_poll);
  return 0;
}

void poller_close(struct poller *p) {
  poller_sweep(p);
  uv_close((uv_handle_t *)&p->poll, NULL);
  close(p->epoll);
  mem_free(p->removed);
  mem_free(p->due);
}

int poller_add(struct poller *p, struct poll_item *item, int fd) {
  *item = (struct poll_item){.poller = p, .fd = fd, .wanted = UV_READABLE};
  return control(item, EPOLL_CTL_ADD);
}

void poller_want(struct poll_item *item, bool readable, bool writable) {
  int wanted = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (wanted == item->wanted) return;
  item->wanted = (uint8_t)wanted;
  int result = control(item, EPOLL_CTL_MOD);
  assert(result == 0);
  (void)result;
}

void poller_read_on(struct poll_item *item) {
  if (item->wanted != UV_READABLE) return;
  int result = control(item, EPOLL_CTL_MOD);
  assert(result == 0);
  (void)result;
}

void poller_halt(struct poller *p) {
  p->is_halted = true;
}

bool poller_has_rest(const struct poller *p) {
  return p->at < p->count || p->due_count > 0;
}

bool poller_is_full(const struct poller *p) {
  return p->count == POLLER_EVENTS;
}

void poller_resume(struct poller *p) {
  p->is_halted = false;
  report_due(p);
  while (p->at < p->count && !p->is_halted) {
    const struct epoll_event *event = &p->ready[p->at++];
    report(p, event->data.ptr, event->events);
  }
}

// Explicitly, though closing the descriptor would do: a process that has just been forked may still
// hold a copy of it.
void poller_remove(struct poll_item *item) {
  struct poller *p = item->poller;
  control(item, EPOLL_CTL_DEL);
  forget_due(item);
  item->fd = -1;
  if (p->removed_count == p->removed_capacity) {
    p->removed_capacity = p->removed_capacity ? p->removed_capacity * 2 : 64;
    p->removed = mem_realloc(p->removed, p->removed_capacity * sizeof *p->removed);
  }
  p->removed[p->removed_count++] = item;
}

// An item that is gone must not be found among those that wait to be reported.
static void forget_removed(struct poller *p) {
  for (int i = p->at; i < p->count; i++) {
    const struct poll_item *item = p->ready[i].data.ptr;
    if (item && item->fd < 0) p->ready[i].data.ptr = NULL;
  }
}

void poller_sweep(struct poller *p) {
  p->toils = 0;
  if (p->removed_count > 0) forget_removed(p);
  for (size_t i = 0; i < p->removed_count; i++)
    p->on_removed(p->removed[i]);
  p->removed_count = 0;
}

#else

static void on_poll(uv_poll_t *poll, int status, int events);

static void start(struct poll_item *item) {
  if (item->wanted)
    uv_poll_start(&item->poll, item->wanted, on_poll);
  else
    uv_poll_stop(&item->poll);
}

// libuv stops polling a socket that has an error. There may still be something to be read before
// recv tells of it, so polling goes on.
static void on_poll(uv_poll_t *poll, int status, int events) {
  struct poll_item *item = poll->data;
  bool failed = status < 0;
  if (failed) start(item);
  item->poller->on_ready(item, failed || (events & UV_READABLE), events & UV_WRITABLE);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct poll_item *item = handle->data;
  item->poller->on_removed(item);
}

int poller_open(struct poller *p, uv_loop_t *loop,
                void (*on_ready)(struct poll_item *item, bool readable, bool writable),
                void (*on_removed)(struct poll_item *item)) {
  *p = (struct poller){.loop = loop, .on_ready = on_ready, .on_removed = on_removed};
  return 0;
}

void poller_close(struct poller *p) {
  mem_free(p->due);
}

int poller_add(struct poller *p, struct poll_item *item, int fd) {
  *item = (struct poll_item){.poller = p, .fd = fd, .wanted = UV_READABLE};
  int status = uv_poll_init(p->loop, &item->poll, fd);
  if (status < 0) return status;
  item->poll.data = item;
  start(item);
  return 0;
}

void poller_want(struct poll_item *item, bool readable, bool writable) {
  int wanted = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (wanted == item->wanted) return;
  item->wanted = (uint8_t)wanted;
  start(item);
}

// Readiness is reported by level.
void poller_read_on(struct poll_item *item) {
  (void)item;
}

// The loop reports everything else in one turn.
void poller_halt(struct poller *p) {
  p->is_halted = true;
}

bool poller_has_rest(const struct poller *p) {
  return p->due_count > 0;
}

bool poller_is_full(const struct poller *p) {
  (void)p;
  return false;
}

void poller_look(struct poller *p) {
  (void)p;
}

void poller_resume(struct poller *p) {
  p->is_halted = false;
  report_due(p);
}

void poller_remove(struct poll_item *item) {
  forget_due(item);
  item->fd = -1;
  uv_close((uv_handle_t *)&item->poll, on_handle_closed);
}

void poller_sweep(struct poller *p) {
  p->toils = 0;
}

#endif
