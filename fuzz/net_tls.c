// Fuzzes TLS in the server's role, over a transport that the input cuts. The first byte chooses:
//
//   1    an honest client speaks, and the input damages what it sends; else the rest of the input
//   is
//        what is sent
//   2    a client's certificate is asked for     4    the server speaks TLS 1.3 alone
//   8    the client speaks TLS 1.2 alone        16    it changes its keys in between
//   32   it shows a certificate                 64    garbage ends in a FIN
//   128  the transport takes few bytes at a time
//
// The next three bytes say how what is sent is cut. Damages are four bytes each: an offset in all
// that the client sends (two), what is done there, and the byte for that.
//
// Whatever comes, nothing is read before a handshake is done, what the server writes are records of
// TLS, memory stays under a ceiling, and it comes to an end. Who isn't damaged is echoed. Garbage
// has the same outcome however it is cut, to the byte that is answered: randomness and the clock
// are the target's.

#define OPENSSL_SUPPRESS_DEPRECATED // RAND_METHOD is, and has no successor that is as simple

#include <assert.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/tls.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
  HONEST = 1,
  ASKS_CERTIFICATE = 2,
  ONLY_13 = 4,
  CLIENT_12 = 8,
  UPDATES_KEY = 16,
  SHOWS_CERTIFICATE = 32,
  ENDS = 64,
  IS_SLOW = 128,
};

enum {
  MEMORY_MAX = 1024 * 1024, // all of a connection's; a few records, a chain of certificates
  TURNS_MAX = 64,           // beside some for each byte
  NARROW = 7,               // bytes that a slow transport takes
  DAMAGES_MAX = 8,
};

static const char QUESTION[] = "what is sent comes back";

// What is random, and the time -------------------------------------------------------------------

static uint64_t random_state;

static int on_random(unsigned char *to, int n) {
  for (int i = 0; i < n; i++) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    to[i] = (unsigned char)(random_state >> 33);
  }
  return 1;
}

static int on_random_status(void) {
  return 1;
}

// The process's: OpenSSL looks at it for certificates and tickets.
time_t time(time_t *to) {
  const time_t now = 1800000000;
  if (to) *to = now;
  return now;
}

// OpenSSL's memory --------------------------------------------------------------------------------

// What it keeps for good, caches and such, is there before the first input.
static size_t live, peak;

static void *on_realloc(void *p, size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  live -= malloc_usable_size(p);
  p = realloc(p, n);
  assert(p || n == 0);
  live += malloc_usable_size(p);
  if (live > peak) peak = live;
  return p;
}

static void *on_malloc(size_t n, const char *file, int line) {
  return on_realloc(NULL, n, file, line);
}

static void on_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  live -= malloc_usable_size(p);
  free(p);
}

// The transport below ----------------------------------------------------------------------------

struct wire {
  struct transport transport;
  struct buf in; // what the peer has sent, from `read` on
  size_t read;
  bool has_ended; // and its FIN
  struct buf out; // what the server has sent
  bool is_slow;
  size_t room; // bytes that are taken in this turn
  bool reads, writes, is_reported, is_finished, is_closed;
  bool toils;    // see wire_may_toil
  size_t widest; // see input_piece
  uint32_t random;
};

static struct wire *wire_of(struct transport *t) {
  return LIST_ENTRY(t, struct wire, transport);
}

static ssize_t wire_recv(struct transport *t, void *to, size_t size) {
  struct wire *w = wire_of(t);
  size_t left = w->in.len - w->read;
  if (left == 0) return w->has_ended ? 0 : TRANSPORT_AGAIN;
  size_t n = input_piece(left, w->widest, &w->random);
  if (n > size) n = size;
  memcpy(to, w->in.data + w->read, n);
  w->read += n;
  return (ssize_t)n;
}

static ssize_t wire_send(struct transport *t, const struct iovec *iov, int count, bool more) {
  struct wire *w = wire_of(t);
  size_t total = 0;
  (void)more;
  assert(!w->is_finished && !w->is_closed);
  for (int i = 0; i < count && w->room > 0; i++) {
    size_t n = iov[i].iov_len < w->room ? iov[i].iov_len : w->room;
    buf_append(&w->out, iov[i].iov_base, n);
    if (w->is_slow) w->room -= n;
    total += n;
  }
  return total > 0 ? (ssize_t)total : TRANSPORT_AGAIN;
}

static void wire_finish(struct transport *t) {
  wire_of(t)->is_finished = true;
}

static void wire_watch(struct transport *t, bool readable, bool writable) {
  wire_of(t)->reads = readable;
  wire_of(t)->writes = writable;
}

static void wire_report(struct transport *t) {
  wire_of(t)->is_reported = true;
}

// Each second time there is none.
static bool wire_may_toil(struct transport *t) {
  return wire_of(t)->toils = !wire_of(t)->toils;
}

static void wire_close(struct transport *t, bool reset) {
  (void)reset;
  assert(!wire_of(t)->is_closed);
  wire_of(t)->is_closed = true;
}

static const struct transport_ops WIRE_OPS = {wire_recv,   wire_send,     wire_finish, wire_watch,
                                              wire_report, wire_may_toil, wire_close};

// The server -------------------------------------------------------------------------------------

enum outcome { GOES_ON, HAS_ENDED, HAS_FAILED, IS_PLAIN };

// Echoes. Ends when the peer does, or fails.
struct server {
  struct wire wire;
  struct tls *tls;
  struct buf received;
  size_t echoed;
  enum outcome outcome;
  bool was_open, is_freed;
  struct err failure;
  size_t before; // live, when it was opened
};

static struct tls_context *contexts[2][2]; // [asks for a certificate][1.3 alone]
static struct tls_settings pair;

static void echo(struct server *s) {
  struct transport *t = tls_transport(s->tls);
  while (s->echoed < s->received.len) {
    struct iovec iov = {s->received.data + s->echoed, s->received.len - s->echoed};
    ssize_t n = t->ops->send(t, &iov, 1, false);
    if (n < 0) break;
    s->echoed += (size_t)n;
  }
  t->ops->watch(t, true, s->echoed < s->received.len);
}

static void end(struct server *s, enum outcome outcome) {
  struct transport *t = tls_transport(s->tls);
  s->outcome = outcome;
  s->was_open = tls_is_open(s->tls);
  if (outcome == IS_PLAIN) {
    tls_remove(s->tls);
    s->is_freed = true;
    return;
  }
  if (outcome == HAS_FAILED) {
    tls_failure(s->tls, &s->failure);
    assert(s->failure.text[0] != '\0');
  }
  t->ops->finish(t);
}

static void on_ready(struct transport *t, bool readable, bool writable) {
  struct server *s = tls_owner(t);
  unsigned char bytes[512];
  if (s->outcome != GOES_ON) return;
  if (writable) echo(s);
  if (!readable) return;
  ssize_t n;
  while ((n = t->ops->recv(t, bytes, sizeof bytes)) > 0) {
    assert(tls_is_open(s->tls));
    buf_append(&s->received, bytes, (size_t)n);
  }
  echo(s);
  if (n == TRANSPORT_AGAIN) return;
  assert(n == 0 || n == TRANSPORT_FAILED || n == TRANSPORT_PLAIN_HTTP);
  if (n == TRANSPORT_PLAIN_HTTP) assert(!tls_is_open(s->tls) && s->wire.out.len == 0);
  end(s, n == 0 ? HAS_ENDED : n == TRANSPORT_FAILED ? HAS_FAILED : IS_PLAIN);
}

static void on_closed(struct transport *t) {
  ((struct server *)tls_owner(t))->is_freed = true; // when this has returned
}

static const struct transport_user USER = {on_ready, on_closed};

static void open_server(struct server *s, unsigned mode, size_t widest, uint32_t cuts) {
  *s = (struct server){.wire = {.transport.ops = &WIRE_OPS,
                                .is_slow = (mode & IS_SLOW) != 0,
                                .widest = widest,
                                .random = cuts}};
  buf_init(&s->wire.in, SIZE_MAX);
  buf_init(&s->wire.out, SIZE_MAX);
  buf_init(&s->received, SIZE_MAX);
  struct tls_context *context = contexts[(mode & ASKS_CERTIFICATE) != 0][(mode & ONLY_13) != 0];
  s->tls = tls_new(context, &s->wire.transport, &USER, s, NULL);
  tls_transport(s->tls)->ops->watch(tls_transport(s->tls), true, false);
}

// Turns of the loop, until nothing happens any more.
static void run_server(struct server *s) {
  struct wire *w = &s->wire;
  for (int turn = 0;; turn++) {
    bool has_more = w->read < w->in.len || (w->has_ended && s->outcome == GOES_ON);
    bool readable = w->reads && (w->is_reported || has_more);
    if (s->is_freed || (!readable && !w->writes)) return;
    assert((size_t)turn < TURNS_MAX + 4 * (w->in.len + w->out.len + s->received.len));
    w->is_reported = false;
    w->room = w->is_slow ? NARROW : SIZE_MAX;
    size_t before = w->read;
    w->transport.user->on_ready(&w->transport, readable, w->writes);
    bool is_idle = w->read == before && !w->is_reported && !w->writes;
    if (is_idle && s->outcome != GOES_ON) return;
    if (is_idle && w->has_ended && w->read == w->in.len) return;
  }
}

// What has been sent is whole records. (The alert to a strange version bears that.)
static void check_output(const struct buf *out) {
  const unsigned char *p = (const unsigned char *)out->data;
  size_t left = out->len;
  while (left > 0) {
    assert(left >= 5 && p[0] >= 20 && p[0] <= 23 && (p[0] == 21 || p[1] == 3));
    size_t length = (size_t)p[3] << 8 | p[4];
    assert(length > 0 && length <= 16384 + 256 && left >= 5 + length);
    p += 5 + length;
    left -= 5 + length;
  }
}

static void close_server(struct server *s) {
  check_output(&s->wire.out);
  assert(peak <= s->before + MEMORY_MAX);
  if (!s->is_freed) {
    struct transport *t = tls_transport(s->tls);
    s->wire.room = SIZE_MAX;
    s->wire.is_finished = false;
    t->ops->close(t, true);
    assert(s->wire.is_closed);
    s->wire.transport.user->on_closed(&s->wire.transport);
  }
  buf_deinit(&s->wire.in);
  buf_deinit(&s->wire.out);
  buf_deinit(&s->received);
}

// Garbage ----------------------------------------------------------------------------------------

static void feed_garbage(struct server *s, unsigned mode, struct input in, size_t widest,
                         uint32_t cuts) {
  random_state = 1;
  open_server(s, mode, widest, cuts);
  buf_append(&s->wire.in, in.p, in.n);
  s->wire.has_ended = (mode & ENDS) != 0;
  run_server(s);
  assert(s->received.len == 0 && !s->was_open); // a handshake takes a key
  assert(s->outcome != HAS_ENDED && (s->outcome != GOES_ON || !s->wire.has_ended || in.n == 0));
}

static void fuzz_garbage(unsigned mode, struct input in, uint32_t cuts) {
  struct server whole, cut;
  feed_garbage(&whole, mode, in, 0, cuts);
  const size_t widths[] = {1, 2 + cuts % 200};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    feed_garbage(&cut, mode, in, widths[i], cuts);
    assert(cut.outcome == whole.outcome);
    assert(strcmp(cut.failure.text, whole.failure.text) == 0);
    assert(cut.wire.out.len == whole.wire.out.len);
    if (cut.wire.out.len > 0)
      assert(memcmp(cut.wire.out.data, whole.wire.out.data, cut.wire.out.len) == 0);
    close_server(&cut);
  }
  close_server(&whole);
}

// A client ---------------------------------------------------------------------------------------

struct damage {
  uint32_t at; // in all that the client sends
  uint8_t how, byte;
};

enum { FLIP, DROP, INSERT, FIN, WAYS };

struct client {
  SSL *ssl;
  bool is_shaken, has_asked, has_updated, has_failed;
  struct buf answer;
  uint32_t sent;
  unsigned damage_count;
  struct damage damages[DAMAGES_MAX];
};

static SSL_CTX *client_context;

static void open_client(struct client *c, unsigned mode, struct input *in) {
  *c = (struct client){.ssl = SSL_new(client_context)};
  buf_init(&c->answer, SIZE_MAX);
  SSL_set_bio(c->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(c->ssl);
  SSL_set_tlsext_host_name(c->ssl, "localhost");
  if ((mode & CLIENT_12) != 0) SSL_set_max_proto_version(c->ssl, TLS1_2_VERSION);
  if ((mode & SHOWS_CERTIFICATE) == 0) SSL_certs_clear(c->ssl);
  while (in->n >= 4 && c->damage_count < DAMAGES_MAX) {
    struct damage *d = &c->damages[c->damage_count++];
    d->at = (uint32_t)input_byte(in) << 8;
    d->at |= input_byte(in);
    d->how = input_byte(in) % WAYS;
    d->byte = input_byte(in);
  }
}

// One step: as far as what has come lets it.
static void step_client(struct client *c, unsigned mode) {
  char bytes[512];
  size_t n;
  if (c->has_failed) return;
  ERR_clear_error();
  if (!c->is_shaken) {
    int result = SSL_do_handshake(c->ssl);
    c->is_shaken = result == 1;
    c->has_failed = result != 1 && SSL_get_error(c->ssl, result) != SSL_ERROR_WANT_READ;
    if (!c->is_shaken) return;
  }
  if (!c->has_asked) c->has_asked = SSL_write_ex(c->ssl, QUESTION, sizeof QUESTION, &n) == 1;
  while (SSL_read_ex(c->ssl, bytes, sizeof bytes, &n) == 1)
    buf_append(&c->answer, bytes, n);
  if (c->answer.len == sizeof QUESTION && (mode & UPDATES_KEY) != 0 && !c->has_updated) {
    c->has_updated = true;
    SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED); // refused by TLS 1.2
    SSL_write_ex(c->ssl, QUESTION, sizeof QUESTION, &n);
  } else if (c->answer.len >= sizeof QUESTION && c->answer.len % sizeof QUESTION == 0) {
    SSL_shutdown(c->ssl);
  }
}

static const struct damage *damage_at(const struct client *c, uint32_t at) {
  for (unsigned i = 0; i < c->damage_count; i++) {
    if (c->damages[i].at == at) return &c->damages[i];
  }
  return NULL;
}

// Hands on what the client sends. How many bytes.
static size_t carry(struct client *c, struct wire *w) {
  char *bytes;
  BIO *bio = SSL_get_wbio(c->ssl);
  size_t n = (size_t)BIO_get_mem_data(bio, &bytes);
  for (size_t i = 0; i < n && !w->has_ended; i++, c->sent++) {
    const struct damage *d = damage_at(c, c->sent);
    uint8_t byte = (uint8_t)bytes[i];
    if (d && d->how == FLIP) byte ^= d->byte;
    if (d && d->how == INSERT) buf_append(&w->in, &d->byte, 1);
    if (d && d->how == FIN) w->has_ended = true;
    if (!d || d->how == FLIP || d->how == INSERT) buf_append(&w->in, &byte, 1);
  }
  (void)BIO_reset(bio);
  return n;
}

static void check_unharmed(const struct client *c, const struct server *s, unsigned mode) {
  bool is_possible = (mode & (ONLY_13 | CLIENT_12)) != (ONLY_13 | CLIENT_12);
  bool shows =
      (mode & (ASKS_CERTIFICATE | SHOWS_CERTIFICATE)) == (ASKS_CERTIFICATE | SHOWS_CERTIFICATE);
  if (c->damage_count > 0 || shows) return; // its certificate isn't one for clients
  assert(s->outcome == (is_possible ? HAS_ENDED : HAS_FAILED));
  if (!is_possible) return;
  size_t rounds = c->has_updated ? 2 : 1;
  assert(c->answer.len == rounds * sizeof QUESTION && s->received.len == c->answer.len);
  for (size_t i = 0; i < rounds; i++)
    assert(memcmp(c->answer.data + i * sizeof QUESTION, QUESTION, sizeof QUESTION) == 0);
}

static void fuzz_client(unsigned mode, struct input in, uint32_t cuts) {
  struct server s;
  struct client c;
  size_t carried = 0;
  random_state = 1;
  open_client(&c, mode, &in);
  open_server(&s, mode, cuts % 200, cuts);
  for (bool goes_on = true; goes_on;) {
    step_client(&c, mode);
    goes_on = carry(&c, &s.wire) > 0;
    run_server(&s);
    if (s.wire.out.len > carried) {
      BIO_write(SSL_get_rbio(c.ssl), s.wire.out.data + carried, (int)(s.wire.out.len - carried));
      goes_on = true;
    }
    carried = s.wire.out.len;
  }
  check_unharmed(&c, &s, mode);
  close_server(&s);
  SSL_free(c.ssl);
  buf_deinit(&c.answer);
}

// -------------------------------------------------------------------------------------------------

static void make_contexts(void) {
  char fingerprint[TLS_FINGERPRINT_MAX];
  struct err err;
  int result = tls_context_self_signed(NULL, &pair, fingerprint, &err);
  assert(result == 0);
  for (int asks = 0; asks < 2; asks++) {
    for (int only_13 = 0; only_13 < 2; only_13++) {
      struct tls_settings settings = pair;
      settings.ca = asks ? pair.cert : NULL;
      settings.verify = asks ? TLS_VERIFY_OPTIONAL : TLS_VERIFY_NONE;
      settings.min_version = only_13 ? 13 : 12;
      contexts[asks][only_13] = tls_context_new_server(&settings, 1, &err);
      assert(contexts[asks][only_13]);
    }
  }
}

static void make_client_context(void) {
  BIO *cert = BIO_new_mem_buf(pair.cert, -1), *key = BIO_new_mem_buf(pair.key, -1);
  X509 *certificate = PEM_read_bio_X509(cert, NULL, NULL, NULL);
  EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
  client_context = SSL_CTX_new(TLS_client_method());
  assert(client_context && certificate && pkey);
  SSL_CTX_use_certificate(client_context, certificate);
  SSL_CTX_use_PrivateKey(client_context, pkey);
  X509_free(certificate);
  EVP_PKEY_free(pkey);
  BIO_free(cert);
  BIO_free(key);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  static const RAND_METHOD RANDOM = {
      .bytes = on_random, .pseudorand = on_random, .status = on_random_status};
  (void)argc;
  (void)argv;
  int result = CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free);
  assert(result == 1);
  RAND_set_rand_method(&RANDOM);
  make_contexts();
  make_client_context();
  for (unsigned mode = HONEST; mode < 2 * IS_SLOW; mode += 2) // what OpenSSL keeps for good
    fuzz_client(mode, (struct input){NULL, 0}, 0);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  unsigned mode = input_byte(&in);
  uint32_t cuts = 0;
  for (int i = 0; i < 3; i++)
    cuts = cuts << 8 | input_byte(&in);
  if ((mode & HONEST) != 0)
    fuzz_client(mode, in, cuts);
  else
    fuzz_garbage(mode, in, cuts);
  return 0;
}
