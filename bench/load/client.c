// The client side of RFC 6455, cut for load: nothing is copied that comes in whole, and what goes
// out is framed once, straight into the buffer that is sent. Main thread.

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "client.h"
#include "wire.h"
#include "ws/mask.h"

#define RESPONSE_MAX 4096
#define ACCEPT       "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" // of CLIENT_KEY

static void fail(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void reset(struct client *c);
static void watch(struct client *c);
static void send_request(struct client *c);
static void send_pending(struct client *c);
static uint8_t *reserve_out(struct client *c, size_t n);
static void send_control(struct client *c, enum ws_opcode opcode, const uint8_t *p, size_t n);
static bool receive(struct client *c, bool is_over);
static void end(struct client *c);
static size_t read_response(struct client *c, const uint8_t *p, size_t n);
static void read_frames(struct client *c, const uint8_t *p, size_t n);
static size_t read_header(struct client *c, const uint8_t *p, size_t n);
static bool begin_frame(struct client *c);
static bool take_payload(struct client *c, const uint8_t *p, size_t n);
static bool is_right(struct client *c, size_t at, const uint8_t *p, size_t n);
static bool end_frame(struct client *c);
static bool end_control(struct client *c);
static bool end_pong(struct client *c);
static uint32_t sender_of(const struct client *c);

void client_open(struct client *c, struct fleet *f, uint32_t index) {
  uint64_t *sent_at = c->sent_at != NULL ? c->sent_at : mem_alloc(f->ring * sizeof *sent_at);
  *c = (struct client){.fleet = f, .index = index, .sent_at = sent_at, .opened_at = clock_ns()};
  c->state = CLIENT_CONNECTING;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) {
    fail(c, "socket: %s", strerror(errno));
    return;
  }
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (f->wires != NULL) c->wire = wire_new(f->wires, c->fd);
  watch(c);
  struct sockaddr_in *address = &f->address;
  if (connect(c->fd, (struct sockaddr *)address, sizeof *address) == 0 || errno == EINPROGRESS)
    send_request(c);
  else
    fail(c, "connect: %s", strerror(errno));
}

void client_serve(struct client *c, uint32_t events) {
  if (c->state == CLIENT_CONNECTING) {
    send_request(c);
    return;
  }
  if (c->pending_len > 0) send_pending(c);
  bool is_over = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  bool has_more = is_over || (events & EPOLLIN) != 0;
  while (has_more && c->state != CLIENT_CLOSED)
    has_more = receive(c, is_over);
  fleet_flush(c->fleet);
}

void client_send(struct client *c, uint64_t at) {
  struct fleet *f = c->fleet;
  uint32_t number = c->sent++;
  c->sent_at[number & (f->ring - 1)] = at;
  uint8_t *out = reserve_out(c, WS_FRAME_HEADER_MAX + f->size);
  uint32_t random = payload_random(&f->random);
  uint8_t key[4];
  memcpy(key, &random, sizeof key);
  enum ws_opcode opcode = f->is_binary ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
  size_t head = ws_frame_write(out, opcode, true, false, f->size, key);
  payload_write(&f->payload, out + head, c->index, number, key);
  f->out_len += head + f->size;
}

void client_ping(struct client *c, uint64_t at) {
  uint32_t number = c->sent++;
  c->sent_at[number & (c->fleet->ring - 1)] = at;
  send_control(c, WS_OPCODE_PING, (const uint8_t *)&number, sizeof number);
}

void client_close(struct client *c) {
  const uint8_t code[2] = {1000 >> 8, 1000 & 0xFF};
  send_control(c, WS_OPCODE_CLOSE, code, sizeof code);
  c->state = CLIENT_CLOSING;
}

void client_destroy(struct client *c) {
  if (c->fleet != NULL && c->fleet->writer == c) {
    c->fleet->writer = NULL;
    c->fleet->out_len = 0;
  }
  if (c->state != CLIENT_CLOSED && c->fd >= 0) reset(c);
  c->state = CLIENT_CLOSED;
  mem_free(c->gathered);
  mem_free(c->response);
  mem_free(c->pending);
  mem_free(c->sent_at);
  c->gathered = NULL;
  c->response = NULL;
  c->pending = NULL;
  c->sent_at = NULL;
}

// Everything that is sent passes here.
void client_send_bytes(struct client *c, const uint8_t *p, size_t n) {
  ssize_t done = c->pending_len > 0 ? 0 : wire_send(c->wire, c->fd, p, n);
  if (done < 0 && errno != EAGAIN) {
    fail(c, "send: %s", strerror(errno));
    return;
  }
  size_t taken = done < 0 ? 0 : (size_t)done;
  if (taken == n) return;
  c->pending = mem_realloc(c->pending, c->pending_len + n - taken);
  memcpy(c->pending + c->pending_len, p + taken, n - taken);
  c->pending_len += n - taken;
}

static void fail(struct client *c, const char *format, ...) {
  if ((*c->fleet->errors)++ == 0) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: client %u: ", (unsigned)c->index);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%u sent, %u received)\n", (unsigned)c->sent, (unsigned)c->received);
    va_end(arguments);
  }
  client_destroy(c);
}

// So that thousands of ports don't wait in TIME_WAIT for the next run. It is cheaper, too.
static void reset(struct client *c) {
  struct linger linger = {.l_onoff = 1};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  wire_free(c->wire);
  c->wire = NULL;
  close(c->fd);
  c->state = CLIENT_CLOSED;
}

// Once for all: epoll tells of changes alone, and needn't look at each socket again after it has.
static void watch(struct client *c) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
  epoll_ctl(c->fleet->epoll, EPOLL_CTL_ADD, c->fd, &event);
}

// On the loopback a socket is mostly connected as soon as connect has returned: it is only asked
// about when it isn't.
static void send_request(struct client *c) {
  size_t size = strlen(c->fleet->request);
  ssize_t n = wire_send(c->wire, c->fd, c->fleet->request, size);
  if (n < 0 && errno == EAGAIN) return;
  if (n != (ssize_t)size) {
    fail(c, "connect: %s", n < 0 ? strerror(errno) : "the request doesn't fit into the socket");
    return;
  }
  c->state = CLIENT_HANDSHAKE;
  c->response = mem_alloc(RESPONSE_MAX);
}

static void send_pending(struct client *c) {
  ssize_t done = wire_send(c->wire, c->fd, c->pending, c->pending_len);
  if (done < 0) {
    if (errno != EAGAIN) fail(c, "send: %s", strerror(errno));
    return;
  }
  c->pending_len -= (size_t)done;
  memmove(c->pending, c->pending + done, c->pending_len);
  if (c->pending_len > 0) return;
  mem_free(c->pending);
  c->pending = NULL;
}

// Room for `n` bytes behind what this client has in the out buffer.
static uint8_t *reserve_out(struct client *c, size_t n) {
  struct fleet *f = c->fleet;
  if (f->writer != c) fleet_flush(f);
  f->writer = c;
  if (f->out_len + n > f->out_cap) {
    f->out_cap = 2 * (f->out_len + n);
    f->out = mem_realloc(f->out, f->out_cap);
  }
  return f->out + f->out_len;
}

static void send_control(struct client *c, enum ws_opcode opcode, const uint8_t *p, size_t n) {
  uint32_t random = payload_random(&c->fleet->random);
  uint8_t key[4];
  memcpy(key, &random, sizeof key);
  uint8_t *out = reserve_out(c, WS_CONTROL_FRAME_MAX);
  size_t head = ws_frame_write(out, opcode, true, false, n, key);
  ws_mask_copy(out + head, p, n, key, 0);
  c->fleet->out_len += head + n;
}

// True when there may be more, about which epoll won't tell: the buffer was filled, the end is
// behind these bytes, or TLS has given a record and may hold the next one.
static bool receive(struct client *c, bool is_over) {
  struct fleet *f = c->fleet;
  ssize_t n = wire_recv(c->wire, c->fd, f->in, FLEET_READ);
  if (n < 0) {
    if (errno != EAGAIN) fail(c, "recv: %s", strerror(errno));
    return false;
  }
  f->now = clock_ns();
  if (n == 0) {
    end(c);
    return false;
  }
  size_t used = c->state == CLIENT_HANDSHAKE ? read_response(c, f->in, (size_t)n) : 0;
  if (c->state != CLIENT_HANDSHAKE && c->state != CLIENT_CLOSED)
    read_frames(c, f->in + used, (size_t)n - used);
  return is_over || n == FLEET_READ || c->wire != NULL;
}

// The server has closed the socket.
static void end(struct client *c) {
  if (c->state != CLIENT_CLOSING || !c->close_seen) {
    fail(c, "the server has closed the socket");
    return;
  }
  reset(c);
  c->fleet->open--;
  c->fleet->on_closed(c);
}

// Returns how many of the bytes belong to the response.
static size_t read_response(struct client *c, const uint8_t *p, size_t n) {
  size_t before = c->response_len;
  size_t room = RESPONSE_MAX - 1 - before;
  size_t copied = n < room ? n : room;
  memcpy(c->response + before, p, copied);
  c->response_len += copied;
  c->response[c->response_len] = 0;
  char *end = strstr(c->response, "\r\n\r\n");
  if (end == NULL) {
    if (c->response_len == RESPONSE_MAX - 1) fail(c, "the response to the handshake has no end");
    return n;
  }
  end[2] = 0;
  if (strncmp(c->response, "HTTP/1.1 101", 12) != 0) {
    fail(c, "refused with %.*s", (int)strcspn(c->response, "\r\n"), c->response);
    return n;
  }
  if (strcasestr(c->response, ACCEPT) == NULL) {
    fail(c, "the handshake has a wrong Sec-WebSocket-Accept");
    return n;
  }
  size_t used = (size_t)(end + 4 - c->response) - before;
  mem_free(c->response);
  c->response = NULL;
  c->state = CLIENT_OPEN;
  fleet_on_open(c);
  return used;
}

static void read_frames(struct client *c, const uint8_t *p, size_t n) {
  while (n > 0) {
    if (!c->in_frame) {
      size_t used = read_header(c, p, n);
      p += used;
      n -= used;
      if (!c->in_frame) return;
    }
    size_t part = c->left < n ? (size_t)c->left : n;
    if (!take_payload(c, p, part)) return;
    p += part;
    n -= part;
    c->left -= part;
    if (c->left > 0) return;
    c->in_frame = false;
    if (!end_frame(c)) return;
  }
}

// Returns the bytes used. The frame begins when its header is whole and right.
static size_t read_header(struct client *c, const uint8_t *p, size_t n) {
  size_t used = 0;
  int missing = c->head_len == 0 ? ws_frame_parse(p, n, &c->frame) : 1;
  if (missing == 0) {
    used = c->frame.size;
  } else {
    for (; missing > 0 && used < n; used++) {
      c->head[c->head_len++] = p[used];
      missing = ws_frame_parse(c->head, c->head_len, &c->frame);
    }
  }
  if (missing > 0) return used;
  if (missing < 0) {
    fail(c, "a frame's length is not minimally encoded");
    return used;
  }
  c->head_len = 0;
  c->in_frame = begin_frame(c);
  return used;
}

static bool begin_frame(struct client *c) {
  const struct ws_frame_header *frame = &c->frame;
  c->left = frame->length;
  if (frame->masked || frame->rsv != 0) {
    fail(c, "a frame is masked or has reserved bits");
    return false;
  }
  if (frame->opcode >= WS_OPCODE_CLOSE) {
    c->control_len = 0;
    if (frame->fin && frame->length <= WS_CONTROL_MAX && frame->opcode <= WS_OPCODE_PONG)
      return true;
    fail(c, "a control frame is too long, in pieces or unknown");
    return false;
  }
  uint8_t first = c->fleet->is_binary ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
  if (frame->opcode != (c->in_message ? WS_OPCODE_CONTINUATION : first)) {
    fail(c, "a frame has opcode %u", (unsigned)frame->opcode);
    return false;
  }
  if (!c->in_message) {
    c->in_message = true;
    c->message_at = 0;
  }
  if (frame->length <= c->fleet->size - c->message_at) return true;
  fail(c, "a message is longer than the %zu bytes that were sent", c->fleet->size);
  return false;
}

// Checks a piece of a message against what was sent.
static bool take_payload(struct client *c, const uint8_t *p, size_t n) {
  if (c->frame.opcode >= WS_OPCODE_CLOSE) {
    memcpy(c->control + c->control_len, p, n);
    c->control_len = (uint8_t)(c->control_len + n);
    return true;
  }
  size_t at = c->message_at;
  c->message_at += n;
  if (is_right(c, at, p, n)) return true;
  fail(c, "a message differs from what was sent, in bytes %zu to %zu", at, at + n - 1);
  return false;
}

// JSON is judged as a whole, when it has come.
static bool is_right(struct client *c, size_t at, const uint8_t *p, size_t n) {
  const struct fleet *f = c->fleet;
  if (f->kind == PAYLOAD_TEXT)
    return payload_matches(&f->payload, sender_of(c), c->received, at, p, n);
  if (n == f->size) return payload_equals(&f->payload, sender_of(c), c->received, p);
  if (c->gathered == NULL) c->gathered = mem_alloc(f->size);
  memcpy(c->gathered + at, p, n);
  return at + n < f->size || payload_equals(&f->payload, sender_of(c), c->received, c->gathered);
}

// False when the client is gone.
static bool end_frame(struct client *c) {
  if (c->frame.opcode >= WS_OPCODE_CLOSE) return end_control(c);
  if (!c->frame.fin) return true;
  c->in_message = false;
  if (c->message_at != c->fleet->size) {
    fail(c, "a message has %zu bytes of %zu", c->message_at, c->fleet->size);
    return false;
  }
  c->received++;
  c->fleet->on_message(c);
  return c->state != CLIENT_CLOSED;
}

static bool end_control(struct client *c) {
  if (c->frame.opcode == WS_OPCODE_PING && c->state == CLIENT_OPEN)
    send_control(c, WS_OPCODE_PONG, c->control, c->control_len);
  if (c->frame.opcode == WS_OPCODE_PONG) return end_pong(c);
  if (c->frame.opcode != WS_OPCODE_CLOSE) return true;
  c->close_seen = true;
  if (c->state == CLIENT_CLOSING) return true;
  unsigned code = c->control_len < 2 ? 1005 : (unsigned)c->control[0] << 8 | c->control[1];
  fail(c, "the server has closed the connection with %u", code);
  return false;
}

// A pong that nobody has asked for is allowed.
static bool end_pong(struct client *c) {
  uint32_t number;
  memcpy(&number, c->control, sizeof number);
  if (c->control_len != sizeof number || number - c->received >= c->sent - c->received) return true;
  while (c->received <= number && c->state == CLIENT_OPEN) {
    c->received++;
    c->fleet->on_message(c);
  }
  return c->state != CLIENT_CLOSED;
}

static uint32_t sender_of(const struct client *c) {
  return c->fleet->one_sender ? 0 : c->index;
}
