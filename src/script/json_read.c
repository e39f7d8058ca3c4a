// The parser. It recurses once a level of nesting and no deeper than JSON_DEPTH_MAX. A container's
// first values wait on the Lua stack, so that its table is born with the size it needs.

#include "script/json.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include "script/json_number.h"
#include "script/json_text.h"
#include "ws/utf8.h"

enum {
  BATCH = 16,                  // values, or keys with values, that wait on the stack
  LEVEL_SLOTS = 2 * BATCH + 6, // of the stack, for one level of nesting
  LEVELS = 4,                  // for which room on the stack is made at once
};

struct reader {
  lua_State *L;
  const char *text;
  const char *p;     // the next byte
  const char *limit; // behind the last one
  unsigned depth;
  char message[96]; // when a function has returned false: what is wrong at `p`
};

static bool read_value(struct reader *r);
static bool read_array(struct reader *r);
static bool read_object(struct reader *r);
static bool read_string(struct reader *r);
static bool read_number(struct reader *r);
static bool read_word(struct reader *r);
static void push_message(struct reader *r);

static bool fail(struct reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

static bool fail(struct reader *r, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(r->message, sizeof r->message, format, args);
  va_end(args);
  return false;
}

// "expected ..., got 'x'".
static bool fail_expected(struct reader *r, const char *expected) {
  if (r->p == r->limit) return fail(r, "expected %s, got the end of the text", expected);
  unsigned char c = (unsigned char)*r->p;
  if (c > 0x20 && c < 0x7f) return fail(r, "expected %s, got '%c'", expected, c);
  return fail(r, "expected %s, got byte 0x%02x", expected, c);
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Hardly ever is there one: texts come from programs.
static inline void skip_blanks(struct reader *r) {
  while (r->p < r->limit && (unsigned char)*r->p <= ' ' && is_blank(*r->p))
    r->p++;
}

// Skips blanks and takes `c` if it comes next.
static inline bool take(struct reader *r, char c) {
  skip_blanks(r);
  if (r->p == r->limit || *r->p != c) return false;
  r->p++;
  return true;
}

static bool read_text(struct reader *r) {
  if (r->limit - r->p >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0)
    return fail(r, "a byte order mark is no JSON");
  skip_blanks(r);
  if (!read_value(r)) return false;
  skip_blanks(r);
  return r->p == r->limit || fail_expected(r, "nothing after the value");
}

int json_decode(lua_State *L, const char *text, size_t length) {
  struct reader r = {.L = L, .text = text, .p = text, .limit = text + length};
  int top = lua_gettop(L);
  luaL_checkstack(L, 4, "JSON");
  if (read_text(&r)) return 1;
  lua_settop(L, top);
  push_message(&r);
  return 0;
}

// Pushes the value that begins at `p`. On failure the stack holds more than before.
static bool read_value(struct reader *r) {
  if (r->p == r->limit) return fail_expected(r, "a value");
  switch (*r->p) {
  case '"': return read_string(r);
  case '{': return read_object(r);
  case '[': return read_array(r);
  case '-': return read_number(r);
  default: break;
  }
  if (*r->p >= '0' && *r->p <= '9') return read_number(r);
  if (is_letter(*r->p)) return read_word(r);
  return fail_expected(r, "a value");
}

static bool enter(struct reader *r) {
  if (r->depth == JSON_DEPTH_MAX) return fail(r, "nested deeper than %d levels", JSON_DEPTH_MAX);
  if (r->depth % LEVELS == 0) luaL_checkstack(r->L, LEVELS * LEVEL_SLOTS, "JSON");
  r->depth++;
  r->p++;
  lua_pushnil(r->L); // where the table will stand
  return true;
}

static void leave(struct reader *r) {
  r->depth--;
}

static void put_table(lua_State *L, int at, int array, int hash) {
  lua_createtable(L, array, hash);
  lua_replace(L, at);
}

// Moves the `waiting` values above `at` into the array there, behind the `count` that it has. What
// is made for a full batch will hardly be the end of it.
static void store_values(lua_State *L, int at, int waiting, lua_Integer count) {
  if (count == 0) put_table(L, at, waiting < BATCH ? waiting : 2 * BATCH, 0);
  for (int i = waiting; i > 0; i--)
    lua_rawseti(L, at, count + i);
}

static bool read_array(struct reader *r) {
  if (!enter(r)) return false;
  lua_State *L = r->L;
  int at = lua_gettop(L), waiting = 0;
  lua_Integer count = 0;
  bool is_over = take(r, ']');
  while (!is_over) {
    if (waiting == BATCH) {
      store_values(L, at, waiting, count);
      count += waiting;
      waiting = 0;
    }
    if (!read_value(r)) return false;
    waiting++;
    is_over = take(r, ']');
    if (!is_over && !take(r, ',')) return fail_expected(r, "',' or ']' after a value");
    skip_blanks(r);
  }
  store_values(L, at, waiting, count);
  json_mark_array(L);
  leave(r);
  return true;
}

// Moves the `pairs` keys and values above `at` into the table there, first ones first: the last of
// equal keys counts.
static void store_pairs(lua_State *L, int at, int pairs, bool is_first) {
  if (is_first) put_table(L, at, 0, pairs < BATCH ? pairs : 2 * BATCH);
  for (int i = at + 1; i < at + 1 + 2 * pairs; i += 2) {
    lua_pushvalue(L, i);
    lua_pushvalue(L, i + 1);
    lua_rawset(L, at);
  }
  lua_settop(L, at);
}

// Pushes a key and its value.
static bool read_pair(struct reader *r) {
  if (r->p == r->limit || *r->p != '"') return fail_expected(r, "a key in quotes");
  if (!read_string(r)) return false;
  if (!take(r, ':')) return fail_expected(r, "':' after a key");
  skip_blanks(r);
  return read_value(r);
}

static bool read_object(struct reader *r) {
  if (!enter(r)) return false;
  lua_State *L = r->L;
  int at = lua_gettop(L), waiting = 0;
  bool is_first = true, is_over = take(r, '}');
  while (!is_over) {
    if (waiting == BATCH) {
      store_pairs(L, at, waiting, is_first);
      is_first = false;
      waiting = 0;
    }
    if (!read_pair(r)) return false;
    waiting++;
    is_over = take(r, '}');
    if (!is_over && !take(r, ',')) return fail_expected(r, "',' or '}' after a value");
    skip_blanks(r);
  }
  store_pairs(L, at, waiting, is_first);
  leave(r);
  return true;
}

static bool read_number(struct reader *r) {
  struct json_number n;
  enum json_number_result result = json_number_read(r->p, r->limit, &n, &r->p);
  switch (result) {
  case JSON_NUMBER_OK: break;
  case JSON_NUMBER_NO_DIGIT: return fail_expected(r, "a digit");
  case JSON_NUMBER_LEADING_ZERO: return fail(r, "a number must not begin with 0");
  case JSON_NUMBER_OUT_OF_RANGE: return fail(r, "this number is too large");
  }
  if (n.is_integer)
    lua_pushinteger(r->L, n.integer);
  else
    lua_pushnumber(r->L, n.real);
  return true;
}

static bool read_word(struct reader *r) {
  size_t length = 0, left = (size_t)(r->limit - r->p);
  while (length < left && length < 16 && is_letter(r->p[length]))
    length++;
  if (length == 4 && memcmp(r->p, "true", 4) == 0)
    lua_pushboolean(r->L, 1);
  else if (length == 5 && memcmp(r->p, "false", 5) == 0)
    lua_pushboolean(r->L, 0);
  else if (length == 4 && memcmp(r->p, "null", 4) == 0)
    json_push_null(r->L);
  else
    return fail(r, "expected a value, got '%.*s'", (int)length, r->p);
  r->p += length;
  return true;
}

// Goes to the first byte of `p` up to `end` that can't be in a UTF-8 text.
static bool fail_utf8(struct reader *r, const char *p, const char *end) {
  struct ws_utf8 state = {0};
  const char *character = p;
  for (; p < end && ws_utf8_feed(&state, (const uint8_t *)p, 1); p++) {
    if (ws_utf8_is_complete(&state)) character = p + 1;
  }
  r->p = character;
  return fail(r, "invalid UTF-8 in a string");
}

// The string whose text begins at r->p and goes on at `p` has no end there: says why.
static bool fail_end(struct reader *r, const char *p) {
  r->p = p;
  if (p < r->limit && (unsigned char)*p < 0x20)
    return fail(r, "control character 0x%02x in a string: it must be escaped", *p);
  r->p = r->limit;
  return fail(r, "a string without its closing quote");
}

// The value of four hex digits, or -1.
static int32_t read_hex(const char *p, const char *end) {
  if (end - p < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

static char *put_utf8(char *to, uint32_t c) {
  if (c < 0x80) {
    *to++ = (char)c;
  } else if (c < 0x800) {
    *to++ = (char)(0xc0 | c >> 6);
    *to++ = (char)(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    *to++ = (char)(0xe0 | c >> 12);
    *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    *to++ = (char)(0x80 | (c & 0x3f));
  } else {
    *to++ = (char)(0xf0 | c >> 18);
    *to++ = (char)(0x80 | (c >> 12 & 0x3f));
    *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    *to++ = (char)(0x80 | (c & 0x3f));
  }
  return to;
}

// Reads "\uXXXX", or two of them for a character past U+FFFF. `p` stands at the backslash.
static bool read_unicode(struct reader *r, const char *end, char **to) {
  const char *p = r->p;
  int32_t c = read_hex(p + 2, end);
  if (c < 0) return fail(r, "expected four hex digits after \\u");
  r->p += 6;
  if (c >= 0xd800 && c < 0xdc00 && end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u') {
    int32_t low = read_hex(r->p + 2, end);
    if (low >= 0xdc00 && low < 0xe000) {
      r->p += 6;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  if (c >= 0xd800 && c < 0xe000) {
    r->p = p;
    return fail(r, "\\u%04x is half a character (a lone surrogate)", (unsigned)c);
  }
  *to = put_utf8(*to, (uint32_t)c);
  return true;
}

static bool read_escape(struct reader *r, const char *end, char **to) {
  static const char FROM[] = "\"\\/bfnrt", INTO[] = "\"\\/\b\f\n\r\t";
  char c = r->p[1];
  if (c == 'u') return read_unicode(r, end, to);
  const char *known = c ? strchr(FROM, c) : NULL;
  if (!known && c > 0x20 && c < 0x7f) return fail(r, "unknown escape \\%c in a string", c);
  if (!known) return fail(r, "unknown escape in a string");
  *(*to)++ = INTO[known - FROM];
  r->p += 2;
  return true;
}

// Pushes the string from r->p to `end` with its escapes resolved: it only gets shorter. Its buffer
// has no place in the frames of a recursion.
static bool __attribute__((noinline)) push_escaped(struct reader *r, const char *end) {
  luaL_Buffer b;
  char *start = luaL_buffinitsize(r->L, &b, (size_t)(end - r->p)), *to = start;
  while (r->p < end) {
    const char *escape = memchr(r->p, '\\', (size_t)(end - r->p));
    size_t plain = (size_t)((escape ? escape : end) - r->p);
    memcpy(to, r->p, plain);
    to += plain;
    r->p += plain;
    if (escape && !read_escape(r, end, &to)) return false;
  }
  luaL_pushresultsize(&b, (size_t)(to - start));
  return true;
}

static bool read_string(struct reader *r) {
  bool high = false, is_escaped = false;
  const char *start = ++r->p;
  const char *end = json_text_skip_plain(start, r->limit, &high);
  while (r->limit - end >= 2 && *end == '\\') {
    is_escaped = true;
    end = json_text_skip_plain(end + 2, r->limit, &high);
  }
  if (end == r->limit || *end != '"') return fail_end(r, end);
  if (high && !ws_utf8_valid(start, (size_t)(end - start))) return fail_utf8(r, start, end);
  if (!is_escaped)
    lua_pushlstring(r->L, start, (size_t)(end - start));
  else if (!push_escaped(r, end))
    return false;
  r->p = end + 1;
  return true;
}

static void push_message(struct reader *r) {
  size_t line = 1, column = 1;
  for (const char *p = r->text; p < r->p; p++) {
    if (*p == '\n') {
      line++;
      column = 1;
    } else if (((unsigned char)*p & 0xc0) != 0x80) {
      column++;
    }
  }
  lua_pushfstring(r->L, "line %I, column %I: %s", (LUAI_UACINT)line, (LUAI_UACINT)column,
                  r->message);
}
