// IP addresses. Pure.

#include "http/ip.h"

#include <stdio.h>
#include "http/token.h"

enum {
  GROUPS = 8,    // of IPv6, 16 bits each
  V4_PREFIX = 96 // where IPv4 begins in struct http_ip
};

static bool read_v4(struct span text, uint8_t bytes[4]);
static bool read_v6(struct span text, struct http_ip *ip);
static bool ends_with_prefix(const struct http_ip_range *range);

bool http_ip_read(struct span text, struct http_ip *ip) {
  *ip = (struct http_ip){.bytes = {[10] = 0xff, [11] = 0xff}};
  return read_v4(text, ip->bytes + 12) || read_v6(text, ip);
}

bool http_ip_is_v4(const struct http_ip *ip) {
  static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
  return memcmp(ip->bytes, MAPPED, sizeof MAPPED) == 0;
}

enum http_ip_fault http_ip_range_read(struct span text, struct http_ip_range *range) {
  const char *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
  struct span address = {text.p, slash ? (size_t)(slash - text.p) : text.n};
  if (!http_ip_read(address, &range->ip)) return HTTP_IP_NO_ADDRESS;
  // Written as IPv4, whose prefixes count from the end of the mapping's.
  unsigned least = memchr(address.p, ':', address.n) ? 0 : V4_PREFIX, prefix = 128 - least;
  if (slash) {
    struct span number = {slash + 1, text.n - address.n - 1};
    if (!http_token_read_number(number, 128 - least, &prefix))
      return least ? HTTP_IP_BAD_PREFIX_V4 : HTTP_IP_BAD_PREFIX_V6;
  }
  range->prefix = (uint8_t)(least + prefix);
  return ends_with_prefix(range) ? HTTP_IP_FINE : HTTP_IP_BITS_BEHIND;
}

// An IPv6 range such as ::/0 has no IPv4 addresses in it, although these are mapped into IPv6.
bool http_ip_range_has(const struct http_ip_range *range, const struct http_ip *ip) {
  size_t whole = range->prefix / 8;
  uint8_t mask = (uint8_t)(0xff00 >> range->prefix % 8);
  if ((range->prefix >= V4_PREFIX && http_ip_is_v4(&range->ip)) != http_ip_is_v4(ip)) return false;
  if (memcmp(range->ip.bytes, ip->bytes, whole) != 0) return false;
  return mask == 0 || ((range->ip.bytes[whole] ^ ip->bytes[whole]) & mask) == 0;
}

// Whether the bits behind the prefix are zero.
static bool ends_with_prefix(const struct http_ip_range *range) {
  for (unsigned bit = range->prefix; bit < 128; bit++)
    if (range->ip.bytes[bit / 8] & 0x80 >> bit % 8) return false;
  return true;
}

static bool read_v4(struct span text, uint8_t bytes[4]) {
  size_t at = 0;
  for (int i = 0; i < 4; i++) {
    unsigned number = 0;
    size_t start = at;
    for (; at < text.n && at - start < 3 && text.p[at] >= '0' && text.p[at] <= '9'; at++)
      number = number * 10 + (unsigned)(text.p[at] - '0');
    if (at == start || number > 255 || (at - start > 1 && text.p[start] == '0')) return false;
    if (i < 3 && (at == text.n || text.p[at++] != '.')) return false;
    bytes[i] = (uint8_t)number;
  }
  return at == text.n;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = span_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Takes up to four hexadecimal digits.
static bool take_group(struct span *rest, unsigned *group) {
  size_t n = 0;
  *group = 0;
  for (; n < rest->n && n < 4 && hex_value(rest->p[n]) >= 0; n++)
    *group = *group << 4 | (unsigned)hex_value(rest->p[n]);
  rest->p += n, rest->n -= n;
  return n > 0;
}

static bool take_gap(struct span *rest) {
  if (rest->n < 2 || rest->p[0] != ':' || rest->p[1] != ':') return false;
  rest->p += 2, rest->n -= 2;
  return true;
}

// Moves what follows the gap, which is before group `gap`, to the end.
static void spread(uint8_t bytes[16], int gap, int count) {
  size_t behind = (size_t)(count - gap) * 2;
  memmove(bytes + 16 - behind, bytes + gap * 2, behind);
  memset(bytes + gap * 2, 0, (size_t)(GROUPS - count) * 2);
}

static bool read_v6(struct span text, struct http_ip *ip) {
  int count = 0, gap = -1;
  bool wants_group = true;
  *ip = (struct http_ip){{0}};
  if (take_gap(&text)) gap = 0, wants_group = false;
  while (text.n > 0 && count < GROUPS) {
    unsigned group;
    wants_group = false;
    if (count <= GROUPS - 2 && read_v4(text, ip->bytes + count * 2)) { // the last four bytes
      count += 2;
      text.n = 0;
      break;
    }
    if (!take_group(&text, &group)) return false;
    ip->bytes[count * 2] = (uint8_t)(group >> 8);
    ip->bytes[count * 2 + 1] = (uint8_t)group;
    count++;
    if (gap < 0 && take_gap(&text)) {
      gap = count;
    } else if (text.n > 0) {
      if (text.p[0] != ':') return false;
      text.p++, text.n--;
      wants_group = true;
    }
  }
  if (text.n > 0 || wants_group || (gap < 0 ? count != GROUPS : count >= GROUPS)) return false;
  if (gap >= 0) spread(ip->bytes, gap, count);
  return true;
}

static unsigned group_of(const struct http_ip *ip, int i) {
  return (unsigned)ip->bytes[i * 2] << 8 | ip->bytes[i * 2 + 1];
}

// The first of the longest runs of groups that are zero; shorter than two: none, *length is 0.
static int find_gap(const struct http_ip *ip, int *length) {
  int best = 0, run = 0;
  *length = 1;
  for (int i = 0; i < GROUPS; i++) {
    run = group_of(ip, i) == 0 ? run + 1 : 0;
    if (run > *length) best = i - run + 1, *length = run;
  }
  if (*length == 1) *length = 0;
  return best;
}

void http_ip_write(const struct http_ip *ip, char text[HTTP_IP_TEXT_MAX]) {
  const uint8_t *b = ip->bytes;
  if (http_ip_is_v4(ip)) {
    snprintf(text, HTTP_IP_TEXT_MAX, "%d.%d.%d.%d", b[12], b[13], b[14], b[15]);
    return;
  }
  int length, gap = find_gap(ip, &length);
  char *end = text;
  for (int i = 0; i < GROUPS; i++) {
    if (length > 0 && i == gap) {
      end += sprintf(end, "::");
      i += length - 1;
      continue;
    }
    bool is_joined = i > 0 && end[-1] != ':';
    end += sprintf(end, "%s%x", is_joined ? ":" : "", group_of(ip, i));
  }
}
