#ifndef FUZZ_LEDGER_H
#define FUZZ_LEDGER_H

// Counts the bytes that the code under test holds, by the sanitizer's hooks into malloc: everything
// between ledger_enter and ledger_leave, zlib's part included. What the target itself allocates
// stays outside. In a build without AddressSanitizer all figures remain 0.

#include <stddef.h>

// All zero at first.
struct ledger {
  size_t live; // allocated inside and not freed inside so far
  size_t peak; // the most that `live` ever was
};

// One at a time.
void ledger_enter(struct ledger *ledger);
void ledger_leave(struct ledger *ledger);

#endif
