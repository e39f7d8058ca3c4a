// Places of errors. Runs in the Lua thread.

#include "script/place.h"

#include <limits.h>
#include <string.h>
#include "script/traceback.h"

enum { FRAMES_MAX = 64 }; // that are searched for a file that a message names

// Reads "FILE:LINE: " at the beginning of *text, which then points behind it.
static bool read_position(const char **text, struct place *p) {
  for (const char *at = *text; *at != '\0' && *at != '\n' && at - *text < LUA_IDSIZE; at++) {
    if (*at != ':') continue;
    int line = 0;
    const char *digit = at + 1;
    for (; *digit >= '0' && *digit <= '9' && line < INT_MAX / 16; digit++)
      line = line * 10 + (*digit - '0');
    if (digit == at + 1 || digit[0] != ':' || digit[1] != ' ') continue;
    memcpy(p->file, *text, (size_t)(at - *text));
    p->file[at - *text] = '\0';
    p->line = line;
    *text = digit + 2;
    return true;
  }
  return false;
}

// What `require` puts in front of a module's syntax error.
static const char *skip_loading(const char *message) {
  static const char PREFIX[] = "error loading module '";
  if (strncmp(message, PREFIX, sizeof PREFIX - 1) != 0) return message;
  const char *end = strstr(message, ":\n\t");
  return end ? end + 3 : message;
}

static void take_frame(struct place *p, const lua_Debug *frame) {
  p->source = frame->source;
  p->source_length = frame->srclen;
}

// The source of the file that the message names, if it is one of those that run.
static bool find_source(struct place *p, lua_State *co) {
  lua_Debug frame;
  for (int level = 0; level < FRAMES_MAX && lua_getstack(co, level, &frame); level++) {
    lua_getinfo(co, "S", &frame);
    if (strcmp(frame.short_src, p->file) != 0 || traceback_is_own(&frame)) continue;
    take_frame(p, &frame);
    return true;
  }
  return false;
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// A message may be made of anything, also of what a peer has sent: a file that no frame has must at
// least be named as one of Lua's.
static bool find_in_message(struct place *p, lua_State *co, const char *message, bool is_nested) {
  if (!message) return false;
  message = skip_loading(message);
  if (!read_position(&message, p)) return false;
  while (is_nested && read_position(&message, p))
    continue;
  if (co && find_source(p, co)) return true;
  return ends_with(p->file, ".lua") || strcmp(p->file, "(command line)") == 0;
}

void place_find(struct place *p, lua_State *co, const char *message, bool is_nested) {
  *p = (struct place){.line = 0};
  if (find_in_message(p, co, message, is_nested)) return;
  *p = (struct place){.line = 0};
  lua_Debug frame;
  if (!co || !traceback_find_place(co, &frame)) return;
  memcpy(p->file, frame.short_src, sizeof p->file);
  p->line = frame.currentline;
  take_frame(p, &frame);
}

bool place_excerpt(const struct runtime *rt, const struct place *p, char excerpt[EXCERPT_MAX]) {
  excerpt[0] = '\0';
  const char *code = rt->options->code;
  if (p->line <= 0) return false;
  if (code && strcmp(p->file, "(command line)") == 0)
    return excerpt_of_text(excerpt, code, strlen(code), p->line);
  if (!p->source) return excerpt_of_file(excerpt, p->file, p->line);
  if (p->source[0] == '@') return excerpt_of_file(excerpt, p->source + 1, p->line);
  if (p->source[0] == '=') return false;
  return excerpt_of_text(excerpt, p->source, p->source_length, p->line);
}
