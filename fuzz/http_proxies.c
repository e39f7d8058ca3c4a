// Fuzzes trusted proxies. The first line is the set, its entries between blanks; the second the
// peer's address, nothing for a unix socket; the rest header lines. Addresses are read as the C
// library reads them, ranges and forwarded addresses as a plain look at the text has it.

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/ip.h"
#include "http/proxies.h"
#include "http/request.h"
#include "support/input.h"

#define ENTRIES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Takes what is before the next such character, with it; a copy with a NUL.
static char *take_until(struct input *in, char stop) {
  const uint8_t *end = in->n > 0 ? memchr(in->p, stop, in->n) : NULL;
  struct input part = input_take(in, end ? (size_t)(end - in->p) : in->n);
  input_byte(in);
  return mem_dup(part.p, part.n);
}

// Addresses ---------------------------------------------------------------------------------------

static bool plain_ip(const char *text, uint8_t bytes[16]) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  memcpy(bytes, mapped, sizeof mapped);
  return inet_pton(AF_INET, text, bytes + 12) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static void check_ip(const char *text) {
  struct http_ip ip, again;
  uint8_t expected[16];
  bool is_ip = plain_ip(text, expected);
  size_t n = strlen(text);
  uint8_t *copy = input_copy(text, n);
  bool result = http_ip_read((struct span){(char *)copy, n}, &ip);
  mem_free(copy);
  assert(result == is_ip);
  if (!is_ip) return;
  assert(memcmp(ip.bytes, expected, sizeof expected) == 0);
  char written[HTTP_IP_TEXT_MAX], usual[INET6_ADDRSTRLEN];
  http_ip_write(&ip, written);
  result = http_ip_read(span_of(written), &again);
  assert(result && memcmp(&ip, &again, sizeof ip) == 0);
  bool is_v4 = http_ip_is_v4(&ip);
  assert(is_v4 == (strchr(written, ':') == NULL));
  inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip.bytes + 12 : ip.bytes, usual, sizeof usual);
  // The C library writes ::192.0.2.1, which RFC 5952 has given up.
  if (is_v4 || !strchr(usual, '.')) assert(strcmp(written, usual) == 0);
}

// A decimal number without leading zeros, up to `most`; -1: it is none.
static long plain_number(const char *text, long most) {
  size_t n = strlen(text);
  if (n == 0 || n > 6 || strspn(text, "0123456789") != n || (n > 1 && text[0] == '0')) return -1;
  long number = strtol(text, NULL, 10);
  return number <= most ? number : -1;
}

struct range {
  uint8_t bytes[16];
  bool is_v4;
  long prefix; // of 128 bits
};

static bool bit(const uint8_t *bytes, long at) {
  return (bytes[at / 8] >> (7 - at % 8) & 1) != 0;
}

static bool plain_range(const char *entry, struct range *range) {
  char *text = mem_dup(entry, strlen(entry));
  char *slash = strchr(text, '/');
  if (slash) *slash = '\0';
  bool is_v4_text = strchr(text, ':') == NULL;
  bool is_good = plain_ip(text, range->bytes);
  long prefix = slash ? plain_number(slash + 1, is_v4_text ? 32 : 128) : is_v4_text ? 32 : 128;
  mem_free(text);
  if (!is_good || prefix < 0) return false;
  range->prefix = is_v4_text ? 96 + prefix : prefix;
  struct http_ip ip;
  memcpy(ip.bytes, range->bytes, sizeof ip.bytes);
  range->is_v4 = range->prefix >= 96 && http_ip_is_v4(&ip);
  for (long i = range->prefix; i < 128; i++)
    if (bit(range->bytes, i)) return false;
  return true;
}

static bool is_in(char *const *entries, const char *address) {
  struct http_ip ip;
  bool is_unix = address[0] == '\0', is_ip = !is_unix && plain_ip(address, ip.bytes);
  for (; *entries; entries++) {
    struct range range;
    if (is_unix && strcmp(*entries, "unix:") == 0) return true;
    if (!is_ip || !plain_range(*entries, &range) || range.is_v4 != http_ip_is_v4(&ip)) continue;
    bool is_equal = true;
    for (long i = 0; i < range.prefix; i++)
      is_equal = is_equal && bit(range.bytes, i) == bit(ip.bytes, i);
    if (is_equal) return true;
  }
  return false;
}

// Headers -----------------------------------------------------------------------------------------

// An element of X-Forwarded-For, without blanks around it.
static bool plain_hop(char *hop, struct http_client *client) {
  char *port = NULL;
  long number = 0;
  if (hop[0] == '[') {
    char *end = strchr(hop, ']');
    if (!end || (end[1] != '\0' && end[1] != ':')) return false;
    if (end[1] == ':') port = end + 2;
    *end = '\0';
    hop++;
    if (!strchr(hop, ':')) return false;
  } else if (strchr(hop, ':') && strchr(hop, ':') == strrchr(hop, ':')) {
    port = strchr(hop, ':') + 1;
    port[-1] = '\0';
  }
  if (port) number = plain_number(port, 65535);
  struct http_ip ip;
  if (number < 0 || !plain_ip(hop, ip.bytes)) return false;
  http_ip_write(&ip, client->address);
  client->port = (uint16_t)number;
  return true;
}

// All X-Forwarded-For headers as one list, of which this takes the last element off; NULL: none.
static char *take_last(struct buf *list) {
  if (list->len == 0) return NULL;
  char *p = list->data;
  size_t from = list->len - 1; // behind the last stands a comma
  while (from > 0 && p[from - 1] != ',')
    from--;
  struct span hop = span_trim((struct span){p + from, list->len - 1 - from});
  list->len = from;
  return mem_dup(hop.p, hop.n);
}

static void correct_plainly(char *const *entries, const struct http_request *r,
                            struct http_client *client) {
  struct buf list;
  buf_init(&list, SIZE_MAX);
  for (size_t i = 0; i < http_request_header_count(r); i++) {
    const struct http_header *h = &http_request_headers(r)[i];
    if (!span_eq_nocase(h->name, SPAN("x-forwarded-for"))) continue;
    buf_append(&list, h->value.p, h->value.n);
    buf_append_str(&list, ",");
  }
  bool is_believed = is_in(entries, client->address);
  while (is_believed) {
    char *hop = take_last(&list);
    is_believed = hop && plain_hop(hop, client) && is_in(entries, client->address);
    mem_free(hop);
  }
  buf_deinit(&list);
}

static struct http_request *make_request(struct input lines) {
  struct buf wire;
  buf_init(&wire, SIZE_MAX);
  buf_append_str(&wire, "GET / HTTP/1.1\r\nHost: a\r\n");
  for (size_t i = 0; i < lines.n; i++) {
    if (lines.p[i] == '\n') buf_append(&wire, "\r", 1);
    buf_append(&wire, lines.p + i, 1);
  }
  buf_append_str(&wire, "\r\n\r\n");
  struct http_request *r = http_request_new(0);
  size_t used;
  bool is_good = http_request_feed(r, wire.data, wire.len, &used) == HTTP_COMPLETE;
  buf_deinit(&wire);
  if (is_good) return r;
  http_request_free(r);
  return NULL;
}

static void check_correction(char *const *entries, const char *peer, const struct http_request *r) {
  struct http_client client = {.port = 1234, .secure = false}, expected;
  snprintf(client.address, sizeof client.address, "%s", peer);
  expected = client;
  bool is_trusted = is_in(entries, peer);
  struct http_proxies *p = http_proxies_new(entries);
  http_proxies_correct(p, r, &client);
  http_proxies_free(p);
  correct_plainly(entries, r, &expected);
  assert(strcmp(client.address, expected.address) == 0 && client.port == expected.port);
  if (!is_trusted) assert(!client.secure && strcmp(client.address, peer) == 0);
  if (client.secure) assert(http_request_header(r, "x-forwarded-proto").p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  char *first = take_until(&in, '\n'), *peer = take_until(&in, '\n');
  struct input set = {(uint8_t *)first, strlen(first)};
  char *entries[ENTRIES_MAX + 1];
  size_t count = 0;
  while (set.n > 0 && count < ENTRIES_MAX) {
    char *entry = take_until(&set, ' ');
    struct range range;
    bool is_good = strcmp(entry, "unix:") == 0 || plain_range(entry, &range);
    assert((http_proxies_check(span_of(entry)) == NULL) == is_good);
    check_ip(entry);
    if (is_good)
      entries[count++] = entry;
    else
      mem_free(entry);
  }
  entries[count] = NULL;
  check_ip(peer);

  uint8_t bytes[16];
  bool is_peer = peer[0] == '\0' || (strlen(peer) < HTTP_IP_TEXT_MAX && plain_ip(peer, bytes));
  struct http_request *r = is_peer ? make_request(in) : NULL;
  if (r) check_correction(entries, peer, r);
  if (r) http_request_free(r);
  while (count > 0)
    mem_free(entries[--count]);
  mem_free(first);
  mem_free(peer);
  return 0;
}
