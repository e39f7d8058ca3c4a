// Clients. Main thread.

#include "instructions/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BUFFER = 256 * 1024, RESPONSE_MAX = 1024 };

static const char REQUEST[] = "GET / HTTP/1.1\r\n"
                              "Host: 127.0.0.1\r\n"
                              "Upgrade: websocket\r\n"
                              "Connection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "\r\n";

static void fail(const char *what) {
  fprintf(stderr, "luaws-instructions: %s: %s\n", what, strerror(errno));
  exit(EXIT_FAILURE);
}

void client_open(struct client *c, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (c->fd < 0) fail("socket");
  int size = RECEIVE_BUFFER, on = 1;
  setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  client_say(c, (const uint8_t *)REQUEST, sizeof REQUEST - 1);
  client_send(c);
}

// So that no port waits in TIME_WAIT for the next run.
void client_close(struct client *c) {
  struct linger linger = {.l_onoff = 1};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(c->fd);
}

bool client_accepted(struct client *c) {
  static const char STATUS[] = "HTTP/1.1 101 ", END[] = "\r\n\r\n";
  char head[RESPONSE_MAX + 1];
  ssize_t n = recv(c->fd, head, RESPONSE_MAX, MSG_PEEK);
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) fail("recv");
  head[n] = '\0';
  char *end = strstr(head, END);
  if (!end) return false;
  if (strncmp(head, STATUS, sizeof STATUS - 1) != 0) fail(head);
  return recv(c->fd, head, (size_t)(end - head) + sizeof END - 1, 0) > 0;
}

void client_say(struct client *c, const uint8_t *p, size_t n) {
  c->out = p;
  c->out_len = n;
}

void client_send(struct client *c) {
  if (c->out_len == 0) return;
  ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) fail("send");
  c->out += n;
  c->out_len -= (size_t)n;
}

size_t client_receive(struct client *c, uint8_t *p, size_t n) {
  ssize_t got = n > 0 ? recv(c->fd, p, n, 0) : 0;
  if (n > 0 && got == 0) fail("the server has closed a connection");
  if (got < 0 && errno != EAGAIN) fail("recv");
  return got > 0 ? (size_t)got : 0;
}
