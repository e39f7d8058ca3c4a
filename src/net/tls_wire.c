// OpenSSL's reads and writes as those of a transport. Loop thread.

#include "net/tls_wire.h"

#include <assert.h>
#include <string.h>

void tls_wire_init(struct tls_wire *w, struct transport *under, bool expects_tls) {
  *w = (struct tls_wire){.under = under, .expects_tls = expects_tls};
  buf_init(&w->kept, TLS_WIRE_MAX);
}

void tls_wire_deinit(struct tls_wire *w) {
  buf_deinit(&w->kept);
}

// Writing -----------------------------------------------------------------------------------------

// A peer that makes us answer again and again, and reads nothing of it, is failed by that.
static bool keep(struct tls_wire *w, const void *data, size_t size) {
  if (buf_append(&w->kept, data, size) == 0) return true;
  w->is_refused = true;
  return false;
}

void tls_wire_gather(struct tls_wire *w, unsigned char *room) {
  assert(!w->scratch);
  w->scratch = room;
  w->scratch_length = 0;
}

// 0 when nothing is taken, or it has failed.
static size_t send_some(struct tls_wire *w, const void *data, size_t size, bool more) {
  struct iovec iov = {(void *)data, size};
  ssize_t n = w->under->ops->send(w->under, &iov, 1, more);
  if (n >= 0) return (size_t)n;
  if (n != TRANSPORT_AGAIN) w->error = (int)n;
  return 0;
}

void tls_wire_send(struct tls_wire *w, bool more) {
  const unsigned char *data = w->scratch;
  size_t length = w->scratch_length, sent = 0;
  w->scratch = NULL;
  if (!tls_wire_is_clear(w)) { // it didn't fit
    tls_wire_flush(w);
    return;
  }
  if (length == 0 || w->error) return;
  sent = send_some(w, data, length, more);
  if (sent < length && !w->error) keep(w, data + sent, length - sent);
}

void tls_wire_flush(struct tls_wire *w) {
  if (tls_wire_is_clear(w) || w->error) return;
  buf_consume(&w->kept, send_some(w, w->kept.data, w->kept.len, false));
  if (tls_wire_is_clear(w)) buf_deinit(&w->kept); // an idle connection keeps no room
}

// What doesn't fit goes behind what is kept, with all that follows.
static int on_write(BIO *bio, const char *data, int size) {
  struct tls_wire *w = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  size_t n = (size_t)size;
  if (w->scratch && w->scratch_length + n <= TLS_WIRE_ROOM && tls_wire_is_clear(w)) {
    memcpy(w->scratch + w->scratch_length, data, n);
    w->scratch_length += n;
    return size;
  }
  if (w->scratch && !keep(w, w->scratch, w->scratch_length)) return -1;
  w->scratch_length = 0;
  return keep(w, data, n) ? size : -1;
}

// Reading -----------------------------------------------------------------------------------------

// A record begins with a type below 32, an old ClientHello with the high bit set.
static bool begins_method(const char *from) {
  return *from >= 'A' && *from <= 'Z';
}

// How much has been read is bounded in each call, so that records which carry nothing don't keep
// the loop.
static int on_read(BIO *bio, char *to, int size) {
  struct tls_wire *w = BIO_get_data(bio);
  size_t wanted = (size_t)size < w->budget ? (size_t)size : w->budget;
  ssize_t n = TRANSPORT_AGAIN;
  BIO_clear_retry_flags(bio);
  if (w->error || w->is_refused) return -1;
  if (w->has_ended) return 0;
  if (w->may_read && wanted > 0) {
    n = w->under->ops->recv(w->under, to, wanted);
    if (n < (ssize_t)wanted) w->may_read = false; // what comes next is reported
  }
  if (n == TRANSPORT_AGAIN) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (n <= 0) {
    w->has_ended = n == 0;
    w->error = (int)n;
    return w->error ? -1 : 0;
  }
  w->budget -= (size_t)n;
  if (!w->is_begun && w->expects_tls && begins_method(to)) {
    w->error = TRANSPORT_PLAIN_HTTP;
    return -1;
  }
  w->is_begun = true;
  return (int)n;
}

static long on_control(BIO *bio, int command, long number, void *pointer) {
  struct tls_wire *w = BIO_get_data(bio);
  (void)number;
  (void)pointer;
  switch (command) {
  case BIO_CTRL_FLUSH: return 1;
  case BIO_CTRL_EOF: return w->has_ended;
  default: return 0;
  }
}

static int on_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD *tls_wire_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "luaws transport");
  if (!method) return NULL;
  BIO_meth_set_create(method, on_create);
  BIO_meth_set_read(method, on_read);
  BIO_meth_set_write(method, on_write);
  BIO_meth_set_ctrl(method, on_control);
  return method;
}

BIO *tls_wire_bio(BIO_METHOD *method, struct tls_wire *w) {
  BIO *bio = BIO_new(method);
  assert(bio); // but for memory, nothing can fail
  BIO_set_data(bio, w);
  return bio;
}
