// Close codes and close frames' bodies, apart from the session so that whoever needs only to know
// whether a code may be sent (scripts, the client) asks the same authority. Runs on any thread.

#include "ws/close.h"

#include <assert.h>
#include <string.h>
#include "base/err.h"
#include "ws/utf8.h"

bool ws_close_code_is_valid(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

bool ws_close_code_is_for_scripts(int64_t code) {
  return code == WS_CLOSE_NORMAL || (code >= 3000 && code <= 4999);
}

int ws_close_parse(const uint8_t *p, size_t n, unsigned *code, struct span *reason) {
  if (n == 0) {
    *code = WS_CLOSE_NO_STATUS;
    *reason = SPAN("");
    return 0;
  }
  if (n == 1) return ERR_INVALID;
  *code = (unsigned)p[0] << 8 | p[1];
  *reason = (struct span){(const char *)p + 2, n - 2};
  if (!ws_close_code_is_valid(*code)) return ERR_INVALID;
  return ws_utf8_valid(reason->p, reason->n) ? 0 : ERR_CLOSE_REASON_UTF8;
}

size_t ws_close_write(uint8_t *out, unsigned code, struct span reason) {
  if (code == WS_CLOSE_NO_STATUS) return 0;
  assert(ws_close_code_is_valid(code) && reason.n <= WS_CLOSE_REASON_MAX);
  out[0] = (uint8_t)(code >> 8);
  out[1] = (uint8_t)code;
  if (reason.n > 0) memcpy(out + 2, reason.p, reason.n);
  return 2 + reason.n;
}
