#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

// What messages consist of: each holds the number of the client that sent it, its sequence number
// and text chosen by both, so that any mix-up shows. One thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_NUMBERS 16 // bytes that the two numbers take
#define PAYLOAD_MAX     (16 << 20)

enum payload_kind {
  PAYLOAD_TEXT, // the numbers, then printable text: it must come back byte by byte
  PAYLOAD_JSON, // a document: what comes back may have its members in another order
};

struct payload {
  enum payload_kind kind;
  size_t size;   // of a message
  uint8_t *text; // what the messages' text is cut from
  size_t text_size;
  uint8_t *document; // JSON: the one that was made last
};

// The least `size` of a message of this kind.
size_t payload_min(enum payload_kind kind);

// `size` from payload_min to PAYLOAD_MAX. `seed` chooses the text.
void payload_init(struct payload *p, enum payload_kind kind, size_t size, uint64_t seed);
void payload_deinit(struct payload *p);

// Writes the message, masked with `key`, to `out`, which has room for p->size bytes.
void payload_write(const struct payload *p, uint8_t *out, uint32_t sender, uint32_t number,
                   const uint8_t key[4]);

// PAYLOAD_TEXT: whether bytes `at` to `at + n - 1` of the message are these.
bool payload_matches(const struct payload *p, uint32_t sender, uint32_t number, size_t at,
                     const uint8_t *bytes, size_t n);

// PAYLOAD_JSON: whether these p->size bytes are the message, or the same with members of objects in
// another order.
bool payload_equals(const struct payload *p, uint32_t sender, uint32_t number,
                    const uint8_t *bytes);

// Sender and number as 8 letters each, since they travel in text.
void payload_write_numbers(uint8_t out[PAYLOAD_NUMBERS], uint32_t sender, uint32_t number);

// xorshift64*: for what must be different, not secret.
static inline uint32_t payload_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (uint32_t)(*state * 2685821657736338717u >> 32);
}

#endif
