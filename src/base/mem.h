#ifndef BASE_MEM_H
#define BASE_MEM_H

// Memory: allocate or abort. Every input is bounded by a ceiling, so that running out means a
// broken machine, and one place to say so beats a thousand untested error paths. Any thread.

#include <stddef.h>
#include <stdint.h>

// Returns `size` bytes, never NULL (also for 0). The caller frees with mem_free.
void *mem_alloc(size_t size);

// The same, zeroed.
void *mem_zalloc(size_t size);

// Grows or shrinks `p` (NULL: allocates). Never NULL.
void *mem_realloc(void *p, size_t size);

// A copy of `size` bytes at `p` with a NUL behind it.
char *mem_dup(const void *p, size_t size);

// A copy of a string; NULL of NULL.
char *mem_dup_string(const char *s);

// Frees; NULL is fine.
void mem_free(void *p);

// How many strings a NULL-terminated array holds; none, where it is NULL itself.
size_t mem_count_strings(char *const *strings);

// Frees a NULL-terminated array of strings, and these; NULL is fine.
void mem_free_strings(char **strings);

// Gives memory that is free back to the system, when there is much of it: tens of megabytes. That
// takes milliseconds, in which others may wait for memory; without it, very little. What an attack
// or a rush hour took would otherwise stay with the process for ever. Only where the C library can.
void mem_give_back(void);

// How many allocations and reallocations this process has asked for: what specs read to prove
// that the hot path makes none. Relaxed counter, any thread.
uint64_t mem_count(void);

#endif
