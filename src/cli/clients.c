// Clients of --estimate: blocking sockets, some at a time while they open, so that a server that
// takes its time to answer takes it once for all of them. Runs on the estimator's thread.

#include "cli/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
  AT_ONCE = 10,     // clients whose answers are awaited together
  HEAD_MAX = 16384, // of an answer
  REQUEST_MAX = 1 << 20,
  NOWHERE_SIZE = 16384,
  PATIENCE_S = 15, // for an answer: longer than answerTimeout is by default
};

void clients_init(struct clients *c, unsigned max) {
  *c = (struct clients){.open = mem_zalloc(max * sizeof *c->open), .max = max};
}

void clients_deinit(struct clients *c) {
  clients_close(c);
  mem_free(c->open);
  c->open = NULL;
}

void clients_close(struct clients *c) {
  for (unsigned i = 0; i < c->count; i++)
    close(c->open[i].fd);
  c->count = 0;
}

static bool send_request(int fd, const struct clients_request *r) {
  struct buf text;
  buf_init(&text, REQUEST_MAX);
  buf_printf(&text,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bHVhd3MtLWVzdGltYXRlIQ==\r\n",
             r->target, (unsigned)r->port);
  if (r->protocol) buf_printf(&text, "Sec-WebSocket-Protocol: %s\r\n", r->protocol);
  buf_append_str(&text, "\r\n");
  bool is_sent = send(fd, text.data, text.len, 0) == (ssize_t)text.len;
  buf_deinit(&text);
  return is_sent;
}

// -1: it can't be had.
static int connect_client(const struct clients_request *r) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct timeval patience = {.tv_sec = PATIENCE_S};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send_request(fd, r)) return fd;
  close(fd);
  return -1;
}

// The status in an answer's head. What comes behind the head is nobody's.
static int read_status(int fd) {
  char head[HEAD_MAX + 1];
  size_t length = 0;
  while (length < HEAD_MAX) {
    ssize_t n = recv(fd, head + length, HEAD_MAX - length, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return CLIENTS_SILENT;
    if (n <= 0) return CLIENTS_LOST;
    length += (size_t)n;
    head[length] = '\0';
    int status;
    if (strstr(head, "\r\n\r\n"))
      return sscanf(head, "HTTP/1.1 %3d", &status) == 1 ? status : CLIENTS_LOST;
  }
  return CLIENTS_LOST;
}

// A few at a time. They stand behind the open ones until they have been answered.
static int open_some(struct clients *c, const struct clients_request *r, unsigned count) {
  unsigned asked = 0;
  int result = CLIENTS_OPENED;
  for (; asked < count; asked++) {
    int fd = connect_client(r);
    if (fd < 0) break;
    c->open[c->count + asked] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  if (asked < count) result = CLIENTS_LOST;
  unsigned opened = 0;
  for (unsigned i = 0; i < asked; i++) {
    struct pollfd client = c->open[c->count + i];
    int status = read_status(client.fd);
    if (status == CLIENTS_OPENED) {
      c->open[c->count + opened++] = client;
      continue;
    }
    close(client.fd);
    if (result == CLIENTS_OPENED || result == CLIENTS_LOST) result = status;
  }
  c->count += opened;
  return result;
}

int clients_open(struct clients *c, const struct clients_request *request, unsigned count) {
  int result = CLIENTS_OPENED;
  if (count > c->max - c->count) count = c->max - c->count;
  for (unsigned done = 0; done < count && result == CLIENTS_OPENED; done += AT_ONCE) {
    result = open_some(c, request, count - done < AT_ONCE ? count - done : AT_ONCE);
    clients_drain(c, 0);
  }
  return result;
}

// False: the server has closed.
static bool forget_input(int fd) {
  char nowhere[NOWHERE_SIZE];
  for (;;) {
    ssize_t n = recv(fd, nowhere, sizeof nowhere, MSG_DONTWAIT);
    if (n > 0) continue;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  }
}

void clients_drain(struct clients *c, int ms) {
  uint64_t end = clock_ms() + (uint64_t)ms;
  for (;;) {
    uint64_t now = clock_ms();
    int ready = poll(c->open, c->count, now < end ? (int)(end - now) : 0);
    if (ready <= 0) return;
    for (unsigned i = 0; i < c->count;) {
      if (c->open[i].revents == 0 || forget_input(c->open[i].fd)) {
        i++;
        continue;
      }
      close(c->open[i].fd);
      c->open[i] = c->open[--c->count];
    }
    if (now >= end) return;
  }
}
