#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

// The monotonic clock, for the layers that own a thread (ws and http are fed time instead).

#include <stdint.h>

// Milliseconds, nanoseconds since some fixed moment.
uint64_t clock_ms(void);
uint64_t clock_ns(void);

#endif
