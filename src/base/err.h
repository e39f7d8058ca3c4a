#ifndef BASE_ERR_H
#define BASE_ERR_H

// Errors: functions return 0 or a named negative; what a person shall read is a struct err.

#include <stddef.h>

// Results of our own functions. The operating system's are libuv's: -errno, above -4096.
enum err_result {
  ERR_TOO_BIG = -5001, // would pass a ceiling
  ERR_INVALID = -5002, // not what the grammar allows
  ERR_TAKEN = -5003,   // somebody has it already
  ERR_CLOSED = -5004,  // the other side is gone
};

#define ERR_TEXT_MAX 256

// The four letters of 4D's componentSignature.
#define ERR_LUAW "LUAW" // this program: close code, HTTP status, or enum err_code below
#define ERR_LUA_ "LUA_" // a script's error: code 1
#define ERR_UV__ "UV__" // the operating system: libuv's code
#define ERR_OSSL "OSSL" // TLS
#define ERR_ZLIB "ZLIB"

// LUAW's own numbers (1-99) for what has neither a close code nor an HTTP status. Documented in
// docs/errors.md; never renumbered.
enum err_code {
  ERR_CODE_BAD_JSON = 1,    // a received message is no JSON (dataType "object")
  ERR_CODE_BAD_ANSWER = 2,  // onConnection or onRequest returned rubbish
  ERR_CODE_BAD_HANDLER = 3, // a handler has lost a method it must have
  ERR_CODE_CANCELLED = 4,   // a callback was still waiting long after its connection had ended
  ERR_CODE_YIELD = 5,       // a callback yielded outside luaws's waiting functions
  ERR_CODE_INTERRUPTED = 6, // a callback computed for longer than handlerTimeout
  ERR_CODE_MEMORY = 7,      // a callback or its message would have needed more than Lua may have
};

struct err {
  int code;
  char component[5];
  char text[ERR_TEXT_MAX]; // one line, no trailing newline, NUL-terminated, cut when longer
};

// Fills *e. `component` is one of the signatures above.
void err_set(struct err *e, const char *component, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// An error of the operating system: "<what>: <text of errnum>", component UV__, code -errnum.
void err_set_errno(struct err *e, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
