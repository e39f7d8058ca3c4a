// TLS by OpenSSL, straight on the socket. Main thread.

#include "wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/mem.h"

struct wires {
  SSL_CTX *context;
  SSL_SESSION *ticket; // the newest; NULL: there is none, or nobody wants it
  bool resumes;
  uint64_t resumed;
};

struct wire {
  struct wires *wires;
  SSL *ssl;
  bool is_counted;
};

// 1: the ticket is ours from now on.
static int on_ticket(SSL *ssl, SSL_SESSION *ticket) {
  struct wires *w = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  SSL_SESSION_free(w->ticket);
  w->ticket = ticket;
  return 1;
}

static bool set_up(struct wires *w) {
  SSL_CTX *c = w->context = SSL_CTX_new(TLS_client_method());
  if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(c, "X25519") != 1)
    return false;
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_app_data(c, w);
  if (w->resumes) {
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, on_ticket);
  }
  return true;
}

struct wires *wires_new(bool resumes) {
  struct wires *w = mem_zalloc(sizeof *w);
  w->resumes = resumes;
  signal(SIGPIPE, SIG_IGN); // OpenSSL writes to sockets without MSG_NOSIGNAL
  if (set_up(w)) return w;
  fprintf(stderr, "load: TLS: %s\n", ERR_reason_error_string(ERR_peek_error()));
  wires_free(w);
  return NULL;
}

void wires_free(struct wires *w) {
  if (w == NULL) return;
  SSL_SESSION_free(w->ticket);
  SSL_CTX_free(w->context);
  mem_free(w);
}

uint64_t wires_resumed(const struct wires *w) {
  return w->resumed;
}

struct wire *wire_new(struct wires *wires, int fd) {
  struct wire *w = mem_zalloc(sizeof *w);
  w->wires = wires;
  w->ssl = SSL_new(wires->context);
  if (w->ssl == NULL || SSL_set_fd(w->ssl, fd) != 1) abort();
  if (wires->ticket != NULL) SSL_set_session(w->ssl, wires->ticket);
  SSL_set_connect_state(w->ssl);
  return w;
}

// What isn't shut down spoils its ticket: so it counts as if it had been.
void wire_free(struct wire *w) {
  if (w == NULL) return;
  SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(w->ssl);
  mem_free(w);
}

static ssize_t result_of(struct wire *w, int result) {
  if (result > 0) return result;
  switch (SSL_get_error(w->ssl, result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
  case SSL_ERROR_ZERO_RETURN: return 0;
  case SSL_ERROR_SYSCALL:
    if (errno == 0) errno = ECONNRESET; // an end without a close_notify
    return -1;
  default:
    fprintf(stderr, "load: TLS: %s\n", ERR_reason_error_string(ERR_peek_error()));
    ERR_clear_error();
    errno = EPROTO;
    return -1;
  }
}

static void count_resumed(struct wire *w) {
  if (w->is_counted || !SSL_is_init_finished(w->ssl)) return;
  w->is_counted = true;
  if (SSL_session_reused(w->ssl)) w->wires->resumed++;
}

ssize_t wire_recv(struct wire *w, int fd, void *to, size_t size) {
  if (w == NULL) return recv(fd, to, size, 0);
  errno = 0;
  ssize_t n = result_of(w, SSL_read(w->ssl, to, (int)size));
  count_resumed(w);
  return n;
}

// Record by record, until the kernel takes no more.
ssize_t wire_send(struct wire *w, int fd, const void *from, size_t size) {
  if (w == NULL) return send(fd, from, size, MSG_NOSIGNAL);
  size_t sent = 0;
  while (sent < size) {
    errno = 0;
    ssize_t n = result_of(w, SSL_write(w->ssl, (const char *)from + sent, (int)(size - sent)));
    if (n <= 0 && sent == 0) return n;
    if (n <= 0) break;
    sent += (size_t)n;
  }
  return (ssize_t)sent;
}
