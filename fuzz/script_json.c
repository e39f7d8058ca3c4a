// json_decode and json_encode: whatever is accepted comes back the same after encoding it, and its
// text doesn't change any more.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "script/json.h"
#include "support/input.h"
#include "support/plain.h"
#include "support/values.h"

static lua_State *L;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_escaped(const char *message) {
  for (; *message; message++) {
    if ((unsigned char)*message < 0x20) return false;
  }
  return true;
}

// The value is at the top of the stack, which has nothing else.
static void check_value(void) {
  struct buf once, twice;
  buf_init(&once, 64 << 20);
  buf_init(&twice, 64 << 20);
  assert(json_encode(L, 1, &once) == 0 && lua_gettop(L) == 1);
  assert(json_decode(L, once.data, once.len) == 1 && lua_gettop(L) == 2);
  assert(values_equal(L, 1, 2, true));
  // The order of keys is the table's, which may differ; the length may not.
  assert(json_encode(L, 2, &twice) == 0 && twice.len == once.len);
  buf_deinit(&once);
  buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!L) L = values_open();
  // Of its own size, so that the sanitizer sees a read past the end.
  uint8_t *copy = input_copy(data, size);
  bool is_json = json_decode(L, (const char *)copy, size), is_complete;
  mem_free(copy);
  assert(lua_gettop(L) == 1);
  if (is_json) {
    assert(plain_utf8(data, size, &is_complete) == size && is_complete);
    check_value();
  } else {
    const char *message = lua_tostring(L, 1);
    assert(strncmp(message, "line ", 5) == 0 && is_escaped(message));
  }
  values_drop(L);
  return 0;
}
