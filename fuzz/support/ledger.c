// The hooks are the process's; targets have one thread that allocates.

#include "support/ledger.h"

#include <assert.h>
#include <stdbool.h>

typedef void malloc_hook(const volatile void *p, size_t size);
typedef void free_hook(const volatile void *p);

// The sanitizer's, where there is one.
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(malloc_hook *, free_hook *);
__attribute__((weak)) size_t __sanitizer_get_allocated_size(const volatile void *p);

// Of this thread: libFuzzer has others, which allocate too.
static _Thread_local struct ledger *entered;

static void on_malloc(const volatile void *p, size_t size) {
  if (!entered || !p) return;
  entered->live += size;
  if (entered->live > entered->peak) entered->peak = entered->live;
}

static void on_free(const volatile void *p) {
  if (!entered || !p) return;
  size_t size = __sanitizer_get_allocated_size(p);
  assert(size <= entered->live);
  entered->live -= size;
}

static void install(void) {
  static bool is_installed;
  if (is_installed || !__sanitizer_install_malloc_and_free_hooks) return;
  int result = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
  assert(result > 0);
  is_installed = true;
}

void ledger_enter(struct ledger *ledger) {
  install();
  assert(!entered);
  entered = ledger;
}

void ledger_leave(struct ledger *ledger) {
  assert(entered == ledger);
  entered = NULL;
}
