// Strings and numbers count as they are spelled; an object's digest is the sum of its members', so
// that their order has no part in it. Main thread.

#include <string.h>
#include "json.h"

#define DEPTH_MAX 16
#define SEED      0xCBF29CE484222325u

struct reader {
  const uint8_t *p;
  const uint8_t *end;
};

static bool digest_value(struct reader *r, unsigned depth, uint64_t *digest);
static bool digest_object(struct reader *r, unsigned depth, uint64_t *digest);
static bool digest_array(struct reader *r, unsigned depth, uint64_t *digest);
static bool digest_string(struct reader *r, uint64_t *digest);
static bool digest_literal(struct reader *r, uint64_t *digest);
static uint64_t digest_bytes(const uint8_t *p, const uint8_t *end);
static bool skip(struct reader *r, uint8_t c);
static uint64_t mix(uint64_t a, uint64_t b);

bool json_digest(const uint8_t *p, size_t n, uint64_t *digest) {
  struct reader r = {p, p + n};
  return digest_value(&r, 0, digest) && r.p == r.end;
}

static bool digest_value(struct reader *r, unsigned depth, uint64_t *digest) {
  if (r->p == r->end || depth > DEPTH_MAX) return false;
  switch (*r->p) {
  case '{': return digest_object(r, depth, digest);
  case '[': return digest_array(r, depth, digest);
  case '"': return digest_string(r, digest);
  default: return digest_literal(r, digest);
  }
}

static bool digest_object(struct reader *r, unsigned depth, uint64_t *digest) {
  *digest = mix(SEED, '{');
  r->p++;
  if (skip(r, '}')) return true;
  do {
    uint64_t key, value;
    if (r->p == r->end || *r->p != '"' || !digest_string(r, &key)) return false;
    if (!skip(r, ':') || !digest_value(r, depth + 1, &value)) return false;
    *digest += mix(key, value);
  } while (skip(r, ','));
  return skip(r, '}');
}

static bool digest_array(struct reader *r, unsigned depth, uint64_t *digest) {
  *digest = mix(SEED, '[');
  r->p++;
  if (skip(r, ']')) return true;
  do {
    uint64_t value;
    if (!digest_value(r, depth + 1, &value)) return false;
    *digest = mix(*digest, value);
  } while (skip(r, ','));
  return skip(r, ']');
}

static bool digest_string(struct reader *r, uint64_t *digest) {
  const uint8_t *begin = r->p++;
  while (r->p < r->end && *r->p != '"')
    r->p += *r->p == '\\' && r->end - r->p > 1 ? 2 : 1;
  *digest = digest_bytes(begin, r->p);
  return skip(r, '"');
}

// A number, true, false, null.
static bool digest_literal(struct reader *r, uint64_t *digest) {
  const uint8_t *begin = r->p;
  while (r->p < r->end && *r->p != 0 && strchr("+-.0123456789Eaeflnrstu", *r->p) != NULL)
    r->p++;
  *digest = digest_bytes(begin, r->p);
  return r->p > begin;
}

static uint64_t digest_bytes(const uint8_t *p, const uint8_t *end) {
  uint64_t digest = mix(SEED, (uint64_t)(end - p));
  while (p < end) {
    uint64_t word = 0;
    size_t n = end - p < 8 ? (size_t)(end - p) : 8;
    memcpy(&word, p, n);
    digest = mix(digest, word);
    p += n;
  }
  return digest;
}

static bool skip(struct reader *r, uint8_t c) {
  if (r->p == r->end || *r->p != c) return false;
  r->p++;
  return true;
}

static uint64_t mix(uint64_t a, uint64_t b) {
  a = (a ^ b) * 0x9E3779B97F4A7C15u;
  return a ^ a >> 29;
}
