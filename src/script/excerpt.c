// Excerpts of sources. A file is scanned from its beginning, in portions, up to a bound: it may be
// anything by now. Any thread.

#include "script/excerpt.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/character.h"
#include "script/vm.h"

enum {
  AROUND = 1,    // lines shown before and behind
  COLUMNS = 120, // shown of a line
  TAB = 4,       // columns
  CHARACTER_MAX = 4,
  KEPT = COLUMNS * CHARACTER_MAX, // bytes of a line
  PORTION = 16 * 1024,
  FILE_MAX = 8 * 1024 * 1024, // bytes that are looked through
  EXCERPT_LINES = 2 * AROUND + 1,
};

#define REPLACEMENT        "\xef\xbf\xbd"
#define REPLACEMENT_LENGTH 3

_Static_assert(EXCERPT_LINES *(KEPT + 32) < EXCERPT_MAX, "an excerpt fits");

struct line {
  char bytes[KEPT];
  size_t length;
  bool is_cut;
};

// What has been found of the lines first to first + EXCERPT_LINES - 1.
struct scan {
  int first;
  int at; // the line that the next byte belongs to
  struct line lines[EXCERPT_LINES];
  int last; // the last line that has a byte, or a line break
};

static void scan_init(struct scan *s, int line) {
  s->first = line - AROUND;
  s->at = 1;
  s->last = 0;
  for (int i = 0; i < EXCERPT_LINES; i++)
    s->lines[i] = (struct line){.length = 0};
}

// False: nothing more is wanted.
static bool scan_feed(struct scan *s, const char *p, size_t n) {
  const char *end = p + n;
  while (p < end) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t length = (size_t)((stop ? stop : end) - p);
    s->last = s->at;
    if (s->at >= s->first) {
      struct line *line = &s->lines[s->at - s->first];
      size_t room = KEPT - line->length;
      if (length > room) line->is_cut = true;
      if (length < room) room = length;
      memcpy(line->bytes + line->length, p, room);
      line->length += room;
    }
    if (!stop) return true;
    p = stop + 1;
    if (++s->at - s->first >= EXCERPT_LINES) return false;
  }
  return true;
}

// What is being written. EXCERPT_MAX holds all lines at their longest.
struct text {
  char *at;
  size_t length;
};

static void append(struct text *t, const void *p, size_t n) {
  assert(t->length + n < EXCERPT_MAX);
  memcpy(t->at + t->length, p, n);
  t->length += n;
}

static void append_line(struct text *t, const struct line *line) {
  const unsigned char *p = (const unsigned char *)line->bytes;
  size_t n = line->length;
  if (n > 0 && p[n - 1] == '\r') n--;
  size_t i = 0;
  for (size_t column = 0; i < n && column < COLUMNS;) {
    if (p[i] == '\t') {
      size_t width = TAB - column % TAB;
      append(t, "    ", width);
      column += width;
      i++;
      continue;
    }
    size_t length = character_length(p + i, n - i);
    if (length == 0 && line->is_cut && n - i < CHARACTER_MAX) break; // the cut goes through it
    bool is_shown = length > 0 && !character_is_control(p + i, length);
    append(t, is_shown ? (const char *)p + i : REPLACEMENT, is_shown ? length : REPLACEMENT_LENGTH);
    i += length > 0 ? length : 1;
    column++;
  }
  if (i < n || line->is_cut) append(t, "...", 3);
}

static bool write_scanned(char excerpt[EXCERPT_MAX], const struct scan *s, int line) {
  struct text t = {.at = excerpt};
  int last = s->last < line + AROUND ? s->last : line + AROUND;
  int width = snprintf(NULL, 0, "%d", last);
  for (int i = s->first < 1 ? 1 : s->first; s->last >= line && i <= last; i++) {
    const struct line *shown = &s->lines[i - s->first];
    char margin[32];
    int n = snprintf(margin, sizeof margin, "%s%s %*d |%s", t.length > 0 ? "\n" : "",
                     i == line ? "  >" : "   ", width, i, shown->length > 0 ? " " : "");
    append(&t, margin, (size_t)n);
    append_line(&t, shown);
  }
  excerpt[t.length] = '\0';
  return t.length > 0;
}

static bool is_line(int line) {
  return line >= 1 && line <= INT_MAX - EXCERPT_LINES;
}

bool excerpt_of_text(char excerpt[EXCERPT_MAX], const char *source, size_t length, int line) {
  excerpt[0] = '\0';
  if (!is_line(line)) return false;
  struct scan scan;
  scan_init(&scan, line);
  scan_feed(&scan, source, length);
  return write_scanned(excerpt, &scan, line);
}

static void scan_file(struct scan *s, int fd) {
  char portion[PORTION];
  for (size_t total = 0; total < FILE_MAX;) {
    ssize_t n = read(fd, portion, sizeof portion);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || !scan_feed(s, portion, (size_t)n)) return;
    total += (size_t)n;
  }
}

bool excerpt_of_file(char excerpt[EXCERPT_MAX], const char *path, int line) {
  excerpt[0] = '\0';
  if (!is_line(line)) return false;
  // What has become a pipe must not keep anybody.
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat info;
  struct scan scan;
  scan_init(&scan, line);
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) scan_file(&scan, fd);
  close(fd);
  return write_scanned(excerpt, &scan, line);
}

// excerpt(file, line)
static int push_excerpt(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_Integer line = luaL_checkinteger(L, 2);
  char excerpt[EXCERPT_MAX];
  bool is_found = line >= 1 && line <= INT_MAX && excerpt_of_file(excerpt, path, (int)line);
  if (is_found)
    lua_pushstring(L, excerpt);
  else
    lua_pushnil(L);
  return 1;
}

static int open_excerpt(lua_State *L) {
  lua_pushcfunction(L, push_excerpt);
  return 1;
}

void excerpt_preload(lua_State *L) {
  vm_preload(L, "luaws.excerpt", open_excerpt);
}
