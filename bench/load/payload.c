// Messages are made and checked in pieces that lie ready: nothing is printed or allocated for one.
// Main thread.

#include <string.h>
#include "base/mem.h"
#include "json.h"
#include "payload.h"
#include "ws/mask.h"

#define TEXT_STARTS 4096 // places where the text of a message may begin

// A document as programs send them: strings, numbers, an array, objects in the object.
#define JSON_HEAD "{\"type\":\"order\",\"id\":\""
#define JSON_MIDDLE                                                                                \
  "\",\"customer\":{\"name\":\"Ada Lovelace\",\"age\":36,\"isNew\":false},\"quantity\":3,"         \
  "\"price\":19.95,\"position\":{\"lat\":51.5074,\"lon\":-0.1278},\"tags\":[\"gift\",7,[]],"       \
  "\"voucher\":null,\"note\":\""
#define JSON_TAIL "\"}"

static const char text_alphabet[] =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz"
    "{|}~";
// Without what JSON has several spellings for.
static const char json_alphabet[] =
    " ,.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void write_document(const struct payload *p, uint32_t sender, uint32_t number);
static uint8_t *append(uint8_t *out, const void *bytes, size_t n);
static size_t text_start(uint32_t sender, uint32_t number);

size_t payload_min(enum payload_kind kind) {
  if (kind == PAYLOAD_TEXT) return PAYLOAD_NUMBERS;
  return PAYLOAD_NUMBERS + strlen(JSON_HEAD JSON_MIDDLE JSON_TAIL);
}

void payload_init(struct payload *p, enum payload_kind kind, size_t size, uint64_t seed) {
  bool is_json = kind == PAYLOAD_JSON;
  *p = (struct payload){.kind = kind, .size = size, .text_size = size - payload_min(kind)};
  p->document = is_json ? mem_alloc(size) : NULL;
  const char *alphabet = is_json ? json_alphabet : text_alphabet;
  size_t letters = strlen(alphabet);
  p->text = mem_alloc(TEXT_STARTS + p->text_size);
  for (size_t i = 0; i < TEXT_STARTS + p->text_size; i++)
    p->text[i] = (uint8_t)alphabet[payload_random(&seed) % letters];
}

void payload_deinit(struct payload *p) {
  mem_free(p->text);
  mem_free(p->document);
}

void payload_write(const struct payload *p, uint8_t *out, uint32_t sender, uint32_t number,
                   const uint8_t key[4]) {
  if (p->kind == PAYLOAD_JSON) {
    write_document(p, sender, number);
    ws_mask_copy(out, p->document, p->size, key, 0);
    return;
  }
  uint8_t numbers[PAYLOAD_NUMBERS];
  payload_write_numbers(numbers, sender, number);
  ws_mask_copy(out, numbers, PAYLOAD_NUMBERS, key, 0);
  ws_mask_copy(out + PAYLOAD_NUMBERS, p->text + text_start(sender, number), p->text_size, key,
               PAYLOAD_NUMBERS);
}

bool payload_matches(const struct payload *p, uint32_t sender, uint32_t number, size_t at,
                     const uint8_t *bytes, size_t n) {
  uint8_t numbers[PAYLOAD_NUMBERS];
  size_t first = at >= PAYLOAD_NUMBERS ? 0 : PAYLOAD_NUMBERS - at;
  if (first > n) first = n;
  if (first > 0) {
    payload_write_numbers(numbers, sender, number);
    if (memcmp(bytes, numbers + at, first) != 0) return false;
  }
  if (n == first) return true;
  const uint8_t *text = p->text + text_start(sender, number);
  return memcmp(bytes + first, text + at + first - PAYLOAD_NUMBERS, n - first) == 0;
}

bool payload_equals(const struct payload *p, uint32_t sender, uint32_t number,
                    const uint8_t *bytes) {
  uint64_t expected = 0, found = 0;
  write_document(p, sender, number);
  if (memcmp(bytes, p->document, p->size) == 0) return true;
  return json_digest(p->document, p->size, &expected) && json_digest(bytes, p->size, &found) &&
         expected == found;
}

void payload_write_numbers(uint8_t out[PAYLOAD_NUMBERS], uint32_t sender, uint32_t number) {
  for (unsigned i = 0; i < 8; i++) {
    out[i] = (uint8_t)('a' + (sender >> 4 * i & 15));
    out[8 + i] = (uint8_t)('a' + (number >> 4 * i & 15));
  }
}

static void write_document(const struct payload *p, uint32_t sender, uint32_t number) {
  uint8_t numbers[PAYLOAD_NUMBERS];
  payload_write_numbers(numbers, sender, number);
  uint8_t *out = append(p->document, JSON_HEAD, strlen(JSON_HEAD));
  out = append(out, numbers, sizeof numbers);
  out = append(out, JSON_MIDDLE, strlen(JSON_MIDDLE));
  out = append(out, p->text + text_start(sender, number), p->text_size);
  append(out, JSON_TAIL, strlen(JSON_TAIL));
}

static uint8_t *append(uint8_t *out, const void *bytes, size_t n) {
  memcpy(out, bytes, n);
  return out + n;
}

static size_t text_start(uint32_t sender, uint32_t number) {
  return (sender * 2654435761u + number * 40503u) % TEXT_STARTS;
}
