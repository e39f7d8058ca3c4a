// TLS over a transport. Loop thread.
//
// OpenSSL reads the transport below when it is asked for data, and through tls_wire it writes
// without ever having to try again. So there is no state between two calls but OpenSSL's own, what
// is kept of ciphertext, and what the user watches.

#include "net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"
#include "net/tls_state.h"

enum {
  SHAKE_BUDGET = 64 * 1024, // bytes of handshake that are looked at in one go
  READ_AHEAD = 17 * 1024,   // beyond what the user wants: a record
  RECORD_SIZE = 16 * 1024,
  BROAD_SIZE = 80 * 1024, // read at a time where much comes
  GATHER_SIZE = TLS_WIRE_PIECE,
};

struct tls *tls_of(struct transport *t) {
  return LIST_ENTRY(t, struct tls, transport);
}

struct transport *tls_transport(struct tls *t) {
  return &t->transport;
}

void *tls_owner(struct transport *t) {
  return tls_of(t)->owner;
}

bool tls_is_open(const struct tls *t) {
  return t->is_open;
}

static struct tls *above(struct transport *under) {
  return LIST_ENTRY(under->user, struct tls, below);
}

// OpenSSL judges a call by its queue of errors, in which somebody else may have left one.
static void forget_errors(void) {
  if (ERR_peek_error() != 0) ERR_clear_error(); // clearing costs more than looking
}

// A handshake message has come in part: until the rest is here nothing can be read or written.
static bool is_stuck(const struct tls *t) {
  return t->is_open && SSL_in_init(t->ssl);
}

// Whether reading may bring something though nothing is reported by the transport below.
static bool has_rest(const struct tls *t) {
  return t->wire.may_read || SSL_has_pending(t->ssl);
}

static void watch_below(struct tls *t) {
  struct transport *under = t->wire.under;
  bool shakes = !t->result && SSL_in_init(t->ssl);
  bool writes = t->writes && t->is_open && !t->result && !shakes;
  under->ops->watch(under, t->reads || shakes, writes || !tls_wire_is_clear(&t->wire));
}

static void finish_below(struct tls *t) {
  if (!t->is_finishing || t->is_finished) return;
  if (!tls_wire_is_clear(&t->wire) && !t->wire.error) return;
  t->is_finished = true;
  t->wire.under->ops->finish(t->wire.under);
}

// The errors of what is below are told as such; TLS there has its own explanation.
static void fail(struct tls *t) {
  if (t->result) return;
  t->result = t->wire.error ? t->wire.error : TRANSPORT_FAILED;
  if (!t->wire.error) tls_explain(t);
}

// After a call of OpenSSL's that has not done what it should.
static void judge(struct tls *t, int error) {
  if (t->wire.error || t->wire.is_refused ||
      (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN))
    fail(t);
}

// One step of the handshake, or of a handshake message that has come in part.
static void shake(struct tls *t) {
  struct transport *under = t->wire.under;
  unsigned char room[TLS_WIRE_ROOM];
  if (!t->is_open && !under->ops->may_toil(under)) {
    under->ops->report(under);
    return;
  }
  t->wire.budget = SHAKE_BUDGET;
  tls_wire_gather(&t->wire, room);
  forget_errors();
  int result = SSL_do_handshake(t->ssl);
  if (result == 1)
    t->is_open = true;
  else
    judge(t, SSL_get_error(t->ssl, result));
  tls_wire_send(&t->wire, false);
  if (t->wire.error) fail(t);
  if (result != 1 && t->wire.may_read) under->ops->report(under);
}

static void on_below_ready(struct transport *under, bool readable, bool writable) {
  struct tls *t = above(under);
  bool was_open = t->is_open;
  if (readable) t->wire.may_read = true;
  if (writable) tls_wire_flush(&t->wire);
  if (t->wire.error) fail(t);
  if (!t->result && SSL_in_init(t->ssl)) shake(t);
  finish_below(t);
  watch_below(t);
  bool opened = t->is_open && !was_open;
  bool works = t->is_open && !t->result && !is_stuck(t);
  bool can_write = works && t->writes && (writable || opened) && tls_wire_is_clear(&t->wire);
  bool can_read = works && t->reads && (readable || opened);
  if (t->result) can_read = !t->is_finished || (t->reads && readable);
  if (can_read || can_write) t->transport.user->on_ready(&t->transport, can_read, can_write);
}

static void free_tls(struct tls *t) {
  SSL_free(t->ssl);
  tls_wire_deinit(&t->wire);
  counted_unref(&t->context->counted);
  mem_free(t->failure);
  mem_free(t);
}

static void on_below_closed(struct transport *under) {
  struct tls *t = above(under);
  t->transport.user->on_closed(&t->transport);
  free_tls(t);
}

void tls_remove(struct tls *t) {
  free_tls(t);
}

// The transport's calls ---------------------------------------------------------------------------

// What still comes after a failure is nobody's.
static ssize_t drop(struct tls *t, void *to, size_t size) {
  struct transport *under = t->wire.under;
  ssize_t n = under->ops->recv(under, to, size);
  return n > 0 ? TRANSPORT_AGAIN : n;
}

static size_t read_some(struct tls *t, char *to, size_t size, int *error) {
  size_t total = 0;
  *error = SSL_ERROR_NONE;
  while (total < size) {
    size_t n;
    if (!SSL_read_ex(t->ssl, to + total, size - total, &n)) {
      *error = SSL_get_error(t->ssl, 0);
      return total;
    }
    total += n;
    t->strays = 0;
    if (!has_rest(t)) return total; // spares OpenSSL a look
  }
  return total;
}

// OpenSSL's buffer is made anew for each read, so that it may have another size from then on: where
// much comes at a time, a broad one takes a message of 64 KiB in one call.
static void size_buffer(struct tls *t, size_t received) {
  bool is_broad = received > (t->has_broad ? RECORD_SIZE : 2 * RECORD_SIZE);
  if (is_broad == t->has_broad) return;
  t->has_broad = is_broad;
  SSL_set_default_read_buffer_len(t->ssl, is_broad ? BROAD_SIZE : 0);
}

static ssize_t receive(struct transport *transport, void *to, size_t size) {
  struct tls *t = tls_of(transport);
  struct transport *under = t->wire.under;
  if (t->result) return t->is_finished ? drop(t, to, size) : t->result;
  if (!t->is_open) return TRANSPORT_AGAIN;
  int error;
  t->wire.budget = size + READ_AHEAD;
  forget_errors();
  size_t total = read_some(t, to, size, &error);
  size_buffer(t, total);
  if (error != SSL_ERROR_NONE) judge(t, error);
  tls_wire_flush(&t->wire); // alerts
  if (t->wire.error) fail(t);
  if (!tls_wire_is_clear(&t->wire) || is_stuck(t)) watch_below(t);
  bool is_over = t->result || error == SSL_ERROR_ZERO_RETURN;
  if ((total > 0 && is_over) || t->wire.may_read || total == size) under->ops->report(under);
  if (total > 0) return (ssize_t)total;
  if (t->result) return t->result;
  return is_over ? 0 : TRANSPORT_AGAIN;
}

// The next bytes for one record: where they lie, or copied together.
static struct iovec next_piece(const struct iovec *iov, int count, size_t offset, char *room) {
  size_t length = 0;
  while (count > 0 && offset >= iov->iov_len)
    offset -= iov->iov_len, iov++, count--;
  if (count == 0) return (struct iovec){NULL, 0};
  if (count == 1 || iov->iov_len - offset >= GATHER_SIZE) {
    size_t left = iov->iov_len - offset;
    return (struct iovec){(char *)iov->iov_base + offset, left < GATHER_SIZE ? left : GATHER_SIZE};
  }
  for (; count > 0 && length < GATHER_SIZE; iov++, count--, offset = 0) {
    size_t n = iov->iov_len - offset;
    if (n > GATHER_SIZE - length) n = GATHER_SIZE - length;
    memcpy(room + length, (const char *)iov->iov_base + offset, n);
    length += n;
  }
  return (struct iovec){room, length};
}

// Encrypts two records' worth from *offset on, and sends it. False: there is no more, or it can't
// be done now.
static bool send_some(struct tls *t, const struct iovec *iov, int count, bool more,
                      size_t *offset) {
  unsigned char room[TLS_WIRE_ROOM];
  char gathered[GATHER_SIZE];
  bool goes_on = true;
  tls_wire_gather(&t->wire, room);
  for (int i = 0; i < 2 && goes_on; i++) {
    struct iovec piece = next_piece(iov, count, *offset, gathered);
    size_t n = 0;
    goes_on = piece.iov_len > 0 && SSL_write_ex(t->ssl, piece.iov_base, piece.iov_len, &n);
    if (piece.iov_len > 0 && !goes_on) judge(t, SSL_get_error(t->ssl, 0));
    *offset += n;
  }
  tls_wire_send(&t->wire, more);
  if (t->wire.error) fail(t);
  return goes_on && !t->result && tls_wire_is_clear(&t->wire);
}

static ssize_t send_out(struct transport *transport, const struct iovec *iov, int count,
                        bool more) {
  struct tls *t = tls_of(transport);
  size_t total = 0;
  tls_wire_flush(&t->wire);
  if (t->wire.error) fail(t);
  if (t->result) return t->result;
  if (!t->is_open || is_stuck(t) || !tls_wire_is_clear(&t->wire)) return TRANSPORT_AGAIN;
  t->wire.budget = 0; // nothing is read here
  forget_errors();
  while (send_some(t, iov, count, more, &total))
    ;
  if (!tls_wire_is_clear(&t->wire)) watch_below(t);
  if (t->result) return t->result; // at once: nobody may ever ask again
  return total > 0 ? (ssize_t)total : TRANSPORT_AGAIN;
}

static void send_close_notify(struct tls *t) {
  unsigned char room[TLS_WIRE_ROOM];
  if (!t->is_open || t->result || t->is_finishing || is_stuck(t)) return;
  tls_wire_gather(&t->wire, room);
  forget_errors();
  SSL_shutdown(t->ssl);
  tls_wire_send(&t->wire, false);
}

static void finish(struct transport *transport) {
  struct tls *t = tls_of(transport);
  send_close_notify(t);
  t->is_finishing = true;
  finish_below(t);
  watch_below(t);
  if (t->wire.has_ended) t->wire.under->ops->report(t->wire.under); // nobody else tells of it now
}

static void watch(struct transport *transport, bool readable, bool writable) {
  struct tls *t = tls_of(transport);
  bool resumes = readable && !t->reads;
  t->reads = readable;
  t->writes = writable;
  watch_below(t);
  if (resumes && t->is_open && has_rest(t)) t->wire.under->ops->report(t->wire.under);
}

static void report(struct transport *transport) {
  struct transport *under = tls_of(transport)->wire.under;
  under->ops->report(under);
}

static bool may_toil(struct transport *transport) {
  struct transport *under = tls_of(transport)->wire.under;
  return under->ops->may_toil(under);
}

static void close_all(struct transport *transport, bool reset) {
  struct tls *t = tls_of(transport);
  struct transport *under = t->wire.under;
  if (!reset) send_close_notify(t);
  SSL_free(t->ssl);
  t->ssl = NULL;
  under->ops->close(under, reset);
}

static const struct transport_ops OPS = {
    .recv = receive,
    .send = send_out,
    .finish = finish,
    .watch = watch,
    .report = report,
    .may_toil = may_toil,
    .close = close_all,
};

bool tls_is(const struct transport *t) {
  return t->ops == &OPS;
}

// Making one --------------------------------------------------------------------------------------

static bool is_address(const char *name) {
  unsigned char address[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

// Whom the server is asked for, and whose its certificate has to be. A name's final dot belongs to
// neither.
static void ask_for(SSL *ssl, const char *server_name) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  if (is_address(server_name)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, server_name);
    return;
  }
  size_t length = strlen(server_name);
  if (length > 1 && server_name[length - 1] == '.') length--;
  char *name = mem_dup(server_name, length);
  SSL_set_tlsext_host_name(ssl, name);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(param, name, length);
  mem_free(name);
}

struct tls *tls_new(struct tls_context *context, struct transport *under,
                    const struct transport_user *user, void *owner, const char *server_name) {
  struct tls *t = mem_zalloc(sizeof *t);
  t->transport = (struct transport){.ops = &OPS, .user = user};
  t->below = (struct transport_user){.on_ready = on_below_ready, .on_closed = on_below_closed};
  t->owner = owner;
  t->context = tls_context_of(counted_ref(tls_context_counted(context)));
  t->reads = true;
  tls_wire_init(&t->wire, under, context->is_server);
  t->ssl = SSL_new(context->entries[0].ctx);
  assert(t->ssl); // but for memory, nothing can fail
  BIO *bio = tls_wire_bio(context->method, &t->wire);
  SSL_set_bio(t->ssl, bio, bio);
  SSL_set_app_data(t->ssl, t);
  SSL_set_msg_callback(t->ssl, tls_on_message);
  under->user = &t->below;
  if (context->is_server) {
    SSL_set_accept_state(t->ssl);
    return t;
  }
  SSL_set_connect_state(t->ssl);
  ask_for(t->ssl, server_name);
  // Nobody speaks first but us: the next turn is as good as any.
  under->ops->report(under);
  watch_below(t);
  return t;
}
