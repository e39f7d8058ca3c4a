// The one place that allocates for the C core, and the one that gives up. Any thread.

#include "base/mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
#include <malloc.h>
#define CAN_GIVE_BACK
enum { SLACK = 32 * 1024 * 1024 }; // that may stay free, and a quarter of what is used
#endif
#endif

// A metric: ordering with other memory does not matter.
static _Atomic uint64_t allocations;

static void *check(void *p, size_t size) {
  if (p) return p;
  fprintf(stderr, "luaws: out of memory (%zu bytes wanted)\n", size);
  abort();
}

void *mem_alloc(size_t size) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  return check(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  return check(calloc(1, size ? size : 1), size);
}

void *mem_realloc(void *p, size_t size) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  return check(realloc(p, size ? size : 1), size);
}

char *mem_dup(const void *p, size_t size) {
  char *copy = mem_alloc(size + 1);
  if (size > 0) memcpy(copy, p, size);
  copy[size] = '\0';
  return copy;
}

void mem_free(void *p) {
  free(p);
}

char *mem_dup_string(const char *s) {
  return s ? mem_dup(s, strlen(s)) : NULL;
}

size_t mem_count_strings(char *const *strings) {
  size_t count = 0;
  while (strings && strings[count])
    count++;
  return count;
}

void mem_free_strings(char **strings) {
  for (char **s = strings; s && *s; s++)
    free(*s);
  free(strings);
}

#ifdef CAN_GIVE_BACK
// Bytes of this process in memory; 0: nobody knows.
static size_t count_resident(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  unsigned long pages = 0;
  if (!file) return 0;
  if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

void mem_give_back(void) {
#ifdef CAN_GIVE_BACK
  struct mallinfo2 info = mallinfo2();
  size_t used = info.uordblks + info.hblkhd;
  if (count_resident() > used + used / 4 + SLACK) malloc_trim(0);
#endif
}

uint64_t mem_count(void) {
  return atomic_load_explicit(&allocations, memory_order_relaxed);
}
