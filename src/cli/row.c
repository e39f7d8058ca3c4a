// How libedit lays out a line: control characters are shown as ^X, others that can't be printed by
// their number, a full row goes on in the next one at once, and a wide character isn't cut.

#include "cli/row.h"

#include <wctype.h>

enum {
  TAB = 8,
  CARET_WIDTH = 2,  // ^A
  NUMBER_WIDTH = 7, // \U+ABCD
  LONG_NUMBER_WIDTH = 8,
  FIRST_LONG = 0x10000,
  BEYOND_CONTROLS = 0x100
};

struct position {
  size_t row;
  unsigned column, columns;
};

static void advance(struct position *at, unsigned width) {
  at->column += width;
  if (at->column < at->columns) return;
  at->column = 0;
  at->row++;
}

static void put(struct position *at, unsigned width) {
  if (at->column + width > at->columns) { // a wide character at the edge
    at->column = 0;
    at->row++;
  }
  advance(at, width);
}

static void put_each(struct position *at, unsigned count) {
  while (count-- > 0)
    advance(at, 1);
}

static void put_tab(struct position *at) {
  do
    advance(at, 1);
  while (at->column % TAB != 0);
}

static void put_character(struct position *at, wchar_t c) {
  if (c == L'\t') {
    put_tab(at);
  } else if (c == L'\n') {
    at->column = 0;
    at->row++;
  } else if (c < BEYOND_CONTROLS && iswcntrl((wint_t)c)) {
    put_each(at, CARET_WIDTH);
  } else if (iswprint((wint_t)c)) {
    int width = wcwidth(c);
    if (width > 0) put(at, (unsigned)width);
  } else {
    put_each(at, c < FIRST_LONG ? NUMBER_WIDTH : LONG_NUMBER_WIDTH);
  }
}

size_t row_of_cursor(const wchar_t *text, size_t length, unsigned column, unsigned columns) {
  struct position at = {.columns = columns};
  put_each(&at, column);
  for (size_t i = 0; i < length; i++)
    put_character(&at, text[i]);
  return at.row;
}
