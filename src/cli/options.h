#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

// The command line, parsed. Pure but for memory.

#include <stdbool.h>
#include "base/err.h"
#include "base/log.h"

enum options_action { OPTIONS_RUN, OPTIONS_CONNECT, OPTIONS_VERSION, OPTIONS_HELP };

struct options {
  enum options_action action;
  const char *host;     // NULL: not given
  int port;             // -1: not given
  const char *root;     // NULL: not given
  const char *tls_cert; // NULL: not given
  const char *tls_key;  // given with tls_cert
  bool tls_self_signed; // not with these
  unsigned io_threads;  // 1-64
  unsigned workers;     // 1-64
  bool estimate;        // measure memory, then end
  const char *query;    // what the estimate's clients ask with, NULL: nothing
  enum log_level log_level;
  enum log_format log_format;
  char *code;         // of all -e, NULL: none; freed by options_deinit
  const char *script; // path, "-" for stdin, NULL: only `code`
  char **args;        // what follows the script or "connect", NULL-terminated: points into argv
};

// 0, or ERR_INVALID with *err saying what is wrong: print it and exit with 2.
int options_parse(struct options *o, char **argv, struct err *err);
void options_deinit(struct options *o);

// What --help prints.
extern const char *const OPTIONS_HELP_TEXT;

#endif
