#ifndef SCRIPT_ALLOC_H
#define SCRIPT_ALLOC_H

// Lua's allocator: free lists by size for the small things that a Lua program is made of, malloc
// for the rest, and a cap. Belongs to one Lua state and its thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALLOC_SMALL_MAX 512 // bytes; larger ones are malloc's
#define ALLOC_STEP      16  // the classes lie this far apart
#define ALLOC_CLASSES   (ALLOC_SMALL_MAX / ALLOC_STEP)

struct alloc_chunk;
struct lua_State;

struct alloc {
  struct lua_State *L;       // whose allocator it is, once there is one
  void *free[ALLOC_CLASSES]; // singly linked through their first word
  struct alloc_chunk *chunks;
  char *at; // what is left of the newest chunk
  char *end;
  size_t used;  // bytes that Lua holds
  size_t taken; // bytes that malloc has given for them
  size_t cap;
  size_t limit;   // the cap, or none
  size_t refused; // the latest allocation that would have passed it
};

// The cap binds only while a script is running: it raises "not enough memory" there, inside a task.
// What luaws allocates between two calls, where nothing would catch that, is bounded by other
// ceilings. Finalizers may pass it by a little: one that there is no memory to call is never
// called.
static inline void alloc_bind(struct alloc *a, bool is_script_running) {
  a->limit = is_script_running ? a->cap : SIZE_MAX;
}

// For what happens within a task, but on another Lua thread's stack. Returns what ->limit is to be
// afterwards.
static inline size_t alloc_unbind(struct alloc *a) {
  size_t limit = a->limit;
  a->limit = SIZE_MAX;
  return limit;
}

void alloc_init(struct alloc *a, size_t cap);

// Everything must have been freed, or nobody may use it any more.
void alloc_deinit(struct alloc *a);

// A lua_Alloc; `ud` is the struct alloc.
void *alloc_for_lua(void *ud, void *p, size_t old_size, size_t size);

#endif
