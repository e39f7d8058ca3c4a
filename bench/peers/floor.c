// The floor under every comparison: the least that a process can do to echo WebSocket messages.
// One thread, epoll, one recv and one send for what has come; it shakes hands, unmasks and sends
// back, answers pings and close frames, and believes everything that a client says. Main thread.

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "ws/frame.h"
#include "ws/mask.h"

#define READ   (512 << 10)
#define ANSWER 256 // bytes of the answer to a handshake, and some
#define EVENTS 256
#define GUID   "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY    "\r\nSec-WebSocket-Key: "

struct conn {
  int fd;
  bool is_open;  // the handshake is done
  bool is_ended; // a close frame was answered
  uint8_t *kept; // a part of a frame, or of the request
  size_t kept_len;
  uint8_t *unsent;
  size_t unsent_len;
};

struct server {
  int epoll;
  int listener;
  uint8_t *in;
  uint8_t *out;
  size_t out_len;
};

static int listen_anywhere(unsigned *port);
static void accept_all(struct server *s);
static bool receive(struct server *s, struct conn *c);
static size_t shake_hands(struct server *s, struct conn *c, const uint8_t *p, size_t n);
static size_t echo_frames(struct server *s, struct conn *c, const uint8_t *p, size_t n);
static void keep(struct conn *c, const uint8_t *p, size_t n);
static bool send_out(struct server *s, struct conn *c);
static bool send_unsent(struct server *s, struct conn *c);
static void watch(struct server *s, struct conn *c, int operation, uint32_t events);
static void drop(struct conn *c);

int main(void) {
  unsigned port = 0;
  struct server s = {.epoll = epoll_create1(0), .listener = listen_anywhere(&port)};
  if (s.listener < 0) {
    perror("floor");
    return 1;
  }
  s.in = mem_alloc(READ);
  s.out = mem_alloc(ANSWER + READ);
  struct epoll_event events[EVENTS] = {{.events = EPOLLIN}};
  epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.listener, &events[0]);
  printf("port %u\n", port);
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(s.epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      struct conn *c = events[i].data.ptr;
      if (c == NULL)
        accept_all(&s);
      else if (((events[i].events & EPOLLOUT) != 0 && !send_unsent(&s, c)) ||
               ((events[i].events & ~(uint32_t)EPOLLOUT) != 0 && !receive(&s, c)))
        drop(c);
    }
  }
}

static int listen_anywhere(unsigned *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 511) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    return -1;
  *port = ntohs(address.sin_port);
  return fd;
}

static void accept_all(struct server *s) {
  for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct conn *c = mem_zalloc(sizeof *c);
    c->fd = fd;
    watch(s, c, EPOLL_CTL_ADD, EPOLLIN);
  }
}

// False when the connection is over.
static bool receive(struct server *s, struct conn *c) {
  if (c->kept_len > 0) memcpy(s->in, c->kept, c->kept_len);
  ssize_t got = recv(c->fd, s->in + c->kept_len, READ - c->kept_len, 0);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  size_t n = c->kept_len + (size_t)got;
  size_t used = c->is_open ? 0 : shake_hands(s, c, s->in, n);
  if (c->is_open) used += echo_frames(s, c, s->in + used, n - used);
  keep(c, s->in + used, n - used);
  return c->kept_len < READ && send_out(s, c);
}

// Returns the size of the request, or 0 while it isn't whole or has no key.
static size_t shake_hands(struct server *s, struct conn *c, const uint8_t *p, size_t n) {
  const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  char request[8192];
  size_t size = (size_t)(end + 4 - p);
  snprintf(request, sizeof request, "%.*s", (int)size, (const char *)p);
  const char *key = strcasestr(request, KEY);
  if (key == NULL) return 0;
  char text[24 + sizeof GUID], accept[32];
  snprintf(text, sizeof text, "%.24s" GUID, key + strlen(KEY));
  uint8_t digest[SHA_DIGEST_LENGTH];
  SHA1((const uint8_t *)text, strlen(text), digest);
  EVP_EncodeBlock((uint8_t *)accept, digest, sizeof digest);
  s->out_len = (size_t)sprintf((char *)s->out,
                               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                               accept);
  c->is_open = true;
  return size;
}

// Frames are echoed one by one, whatever message they belong to. Returns the bytes used. What goes
// out is never longer than what came in, so it fits.
static size_t echo_frames(struct server *s, struct conn *c, const uint8_t *p, size_t n) {
  size_t used = 0;
  struct ws_frame_header h;
  while (used < n && ws_frame_parse(p + used, n - used, &h) == 0 && n - used - h.size >= h.length) {
    enum ws_opcode opcode = h.opcode == WS_OPCODE_PING ? WS_OPCODE_PONG : h.opcode;
    s->out_len += ws_frame_write(s->out + s->out_len, opcode, h.fin, false, h.length, NULL);
    ws_mask_copy(s->out + s->out_len, p + used + h.size, h.length, h.key, 0);
    s->out_len += h.length;
    used += h.size + h.length;
    if (opcode == WS_OPCODE_CLOSE) c->is_ended = true;
  }
  return used;
}

static void keep(struct conn *c, const uint8_t *p, size_t n) {
  if (n == 0 && c->kept_len == 0) return;
  mem_free(c->kept);
  c->kept = NULL;
  c->kept_len = n;
  if (n == 0) return;
  c->kept = mem_alloc(n);
  memcpy(c->kept, p, n);
}

static bool send_out(struct server *s, struct conn *c) {
  size_t n = s->out_len;
  s->out_len = 0;
  if (n == 0) return true;
  ssize_t done = c->unsent_len > 0 ? 0 : send(c->fd, s->out, n, MSG_NOSIGNAL);
  if (done < 0 && errno != EAGAIN) return false;
  size_t taken = done < 0 ? 0 : (size_t)done;
  if (taken == n) return !c->is_ended;
  if (c->unsent_len == 0) watch(s, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  c->unsent = mem_realloc(c->unsent, c->unsent_len + n - taken);
  memcpy(c->unsent + c->unsent_len, s->out + taken, n - taken);
  c->unsent_len += n - taken;
  return true;
}

static bool send_unsent(struct server *s, struct conn *c) {
  ssize_t done = send(c->fd, c->unsent, c->unsent_len, MSG_NOSIGNAL);
  if (done < 0) return errno == EAGAIN;
  c->unsent_len -= (size_t)done;
  memmove(c->unsent, c->unsent + done, c->unsent_len);
  if (c->unsent_len > 0) return true;
  mem_free(c->unsent);
  c->unsent = NULL;
  watch(s, c, EPOLL_CTL_MOD, EPOLLIN);
  return !c->is_ended;
}

static void watch(struct server *s, struct conn *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(s->epoll, operation, c->fd, &event);
}

static void drop(struct conn *c) {
  close(c->fd);
  mem_free(c->kept);
  mem_free(c->unsent);
  mem_free(c);
}
