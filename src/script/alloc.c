// Lua's allocator. Runs in the thread of its Lua state.

#include "script/alloc.h"

#include <lua.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define UNDER_ASAN
#endif

#ifdef UNDER_ASAN
enum { POOL_MAX = 0 }; // the sanitizer shall see each object by itself
#else
enum { POOL_MAX = ALLOC_SMALL_MAX };
#endif

enum {
  CHUNK_SIZE = 64 * 1024,
  RESERVE = 32, // this part of the cap is what finalizers may have beyond it
};

struct alloc_chunk {
  struct alloc_chunk *next;
  _Alignas(16) char data[];
};

static void *allocate_rarely(struct alloc *a, size_t size) __attribute__((noinline));
static void *move(struct alloc *a, void *p, size_t old_size, size_t size) __attribute__((noinline));
static void *refuse(struct alloc *a, void *p, size_t old_size, size_t size)
    __attribute__((noinline));

void alloc_init(struct alloc *a, size_t cap) {
  *a = (struct alloc){.cap = cap, .limit = SIZE_MAX};
}

void alloc_deinit(struct alloc *a) {
  while (a->chunks) {
    struct alloc_chunk *next = a->chunks->next;
    mem_free(a->chunks);
    a->chunks = next;
  }
}

static size_t class_of(size_t size) {
  return (size - 1) / ALLOC_STEP;
}

// Two objects a message come and go: what is common is inlined, and calls nothing that would have
// registers to be saved for it.
static inline void *allocate(struct alloc *a, size_t size) {
  if (size > POOL_MAX) return allocate_rarely(a, size);
  void **list = &a->free[class_of(size)];
  void *p = *list;
  if (!p) return allocate_rarely(a, size);
  *list = *(void **)p;
  a->used += size;
  return p;
}

static inline void release(struct alloc *a, void *p, size_t size) {
  a->used -= size;
  if (size > POOL_MAX) {
    a->taken -= size;
    free(p);
    return;
  }
  void **list = &a->free[class_of(size)];
  *(void **)p = *list;
  *list = p;
}

// In a finalizer Lua answers nothing about its collector.
static bool is_finalizing(const struct alloc *a) {
  return lua_gc(a->L, LUA_GCISRUNNING) < 0;
}

static void *refuse(struct alloc *a, void *p, size_t old_size, size_t size) {
  size_t more = p ? size - old_size : size;
  if (a->used + more > a->cap + a->cap / RESERVE || !is_finalizing(a)) {
    a->refused = size;
    return NULL;
  }
  size_t limit = alloc_unbind(a);
  void *moved = alloc_for_lua(a, p, old_size, size);
  a->limit = limit;
  return moved;
}

// Without `p`, old_size names the kind of object.
void *alloc_for_lua(void *ud, void *p, size_t old_size, size_t size) {
  struct alloc *a = ud;
  if (size == 0) {
    if (p) release(a, p, old_size);
    return NULL;
  }
  if (!p) return a->used + size > a->limit ? refuse(a, NULL, 0, size) : allocate(a, size);
  return move(a, p, old_size, size);
}

// A piece of a chunk. What is left of the old chunk when it doesn't fit is lost: half a kilobyte.
static void *carve(struct alloc *a, size_t class) {
  size_t size = (class + 1) * ALLOC_STEP;
  if ((size_t)(a->end - a->at) < size) {
    struct alloc_chunk *chunk = mem_alloc(CHUNK_SIZE);
    a->taken += CHUNK_SIZE;
    chunk->next = a->chunks;
    a->chunks = chunk;
    a->at = chunk->data;
    a->end = (char *)chunk + CHUNK_SIZE;
  }
  void *p = a->at;
  a->at += size;
  return p;
}

// What is large, or the first of its class for a while.
static void *allocate_rarely(struct alloc *a, size_t size) {
  void *p = size > POOL_MAX ? malloc(size) : carve(a, class_of(size));
  if (!p) return NULL;
  a->used += size;
  if (size > POOL_MAX) a->taken += size;
  return p;
}

static void *move(struct alloc *a, void *p, size_t old_size, size_t size) {
  if (size > old_size && a->used + (size - old_size) > a->limit)
    return refuse(a, p, old_size, size);
  if (old_size <= POOL_MAX && size <= POOL_MAX && class_of(old_size) == class_of(size)) {
    a->used += size - old_size;
    return p;
  }
  void *moved;
  if (old_size > POOL_MAX && size > POOL_MAX) {
    moved = realloc(p, size);
    if (!moved) return NULL;
    a->used += size - old_size;
    a->taken += size - old_size;
    return moved;
  }
  moved = allocate(a, size);
  if (!moved) return NULL;
  memcpy(moved, p, old_size < size ? old_size : size);
  release(a, p, old_size);
  return moved;
}
