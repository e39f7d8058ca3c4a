// Fuzzes the body of a close frame: what is accepted is what the writer writes, and holds to
// RFC 6455 section 7.4; which codes scripts may send are among them.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "support/input.h"
#include "support/plain.h"
#include "ws/close.h"
#include "ws/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > WS_CONTROL_MAX) size = WS_CONTROL_MAX;
  uint8_t *body = input_copy(data, size);
  unsigned code = 0;
  struct span reason = {NULL, 0};
  int result = ws_close_parse(body, size, &code, &reason);
  unsigned sent = size >= 2 ? (unsigned)body[0] << 8 | body[1] : 0;
  bool is_complete = false;
  bool is_text =
      size < 2 || (plain_utf8(body + 2, size - 2, &is_complete) == size - 2 && is_complete);

  assert(result == 0 || result == ERR_INVALID || result == ERR_CLOSE_REASON_UTF8);
  if (size == 1) assert(result == ERR_INVALID);
  if (size >= 2) assert((result == ERR_INVALID) == !ws_close_code_is_valid(sent));
  if (result != ERR_INVALID) assert((result == 0) == is_text);
  if (ws_close_code_is_for_scripts(sent)) assert(ws_close_code_is_valid(sent));
  if (result == 0) {
    assert(code == (size == 0 ? WS_CLOSE_NO_STATUS : sent));
    uint8_t out[WS_CONTROL_MAX];
    size_t n = ws_close_write(out, code, reason);
    assert(n == size && memcmp(out, body, n) == 0);
  }
  mem_free(body);
  return 0;
}
