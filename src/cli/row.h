#ifndef CLI_ROW_H
#define CLI_ROW_H

// Where libedit has put the cursor: it doesn't tell, but who prints above the line that is being
// edited has to know. Pure; wcwidth and iswprint ask the thread's locale.

#include <stddef.h>
#include <wchar.h>

// The row, from 0, in which the cursor stands behind `length` characters of `text` that libedit
// shows from column `column` of row 0 on, on a terminal of `columns` (at least 1).
size_t row_of_cursor(const wchar_t *text, size_t length, unsigned column, unsigned columns);

#endif
