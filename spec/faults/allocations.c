// Lua's allocations that fail, in luaws-faults: as those that would pass --memory-limit do, but one
// chosen one after the other, so that a spec can let each of them fail. Lua's own threads.
//
// LUAWS_FAULTS_LUA names a file of four native 64-bit integers, which a spec writes and reads while
// the program runs:
//
//   first   the number of the first allocation that fails, from 1 on; 0: none fails
//   times   how many fail from there on, one after the other
//   seen    how many there have been since the spec has set this to 0
//   failed  how many of them have failed
//
// What counts is what the cap binds (script/alloc.h), in all Lua states of the process, and only
// what wants more memory. When Lua is refused something, it collects garbage and asks for the same
// again: that is the same allocation, and fails again.

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "script/alloc.h"

struct orders {
  _Atomic uint64_t first, times, seen, failed;
};

static struct orders *orders;

// What has just been refused to this thread's Lua.
static _Thread_local struct {
  const struct alloc *from;
  const void *p;
  size_t size;
} refused;

__attribute__((constructor)) static void read_orders(void) {
  const char *path = getenv("LUAWS_FAULTS_LUA");
  if (!path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *mapped = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    fprintf(stderr, "faults: can't map '%s' of LUAWS_FAULTS_LUA\n", path);
    exit(2);
  }
  close(fd);
  orders = mapped;
}

static bool is_asked_again(const struct alloc *a, const void *p, size_t size) {
  bool is_same = refused.from == a && refused.p == p && refused.size == size;
  refused.from = NULL;
  return is_same;
}

// Whether this one's turn has come.
static bool is_chosen(void) {
  uint64_t first = atomic_load(&orders->first);
  uint64_t number = atomic_fetch_add(&orders->seen, 1) + 1;
  return number >= first && number - first < atomic_load(&orders->times);
}

void *__real_alloc_for_lua(void *ud, void *p, size_t old_size, size_t size);
void *__wrap_alloc_for_lua(void *ud, void *p, size_t old_size, size_t size);

void *__wrap_alloc_for_lua(void *ud, void *p, size_t old_size, size_t size) {
  struct alloc *a = ud;
  bool is_bound = a->limit != SIZE_MAX;
  size_t had = p ? old_size : 0; // without p it names the kind of object
  if (!orders || !is_bound || size <= had || atomic_load(&orders->first) == 0)
    return __real_alloc_for_lua(ud, p, old_size, size);
  bool is_again = is_asked_again(a, p, size);
  if (!is_again && !is_chosen()) return __real_alloc_for_lua(ud, p, old_size, size);
  size_t limit = a->limit;
  a->limit = 0;
  void *moved = __real_alloc_for_lua(ud, p, old_size, size);
  a->limit = limit;
  if (moved || is_again) return moved; // a finalizer gets it all the same
  atomic_fetch_add(&orders->failed, 1);
  refused.from = a;
  refused.p = p;
  refused.size = size;
  return NULL;
}
