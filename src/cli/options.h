#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

// The command line, parsed. Pure but for memory.

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"

enum options_action { OPTIONS_RUN, OPTIONS_COMMAND, OPTIONS_VERSION, OPTIONS_HELP };

// The line editor that a command has on a terminal (enum editor_style).
enum options_editor { OPTIONS_NO_EDITOR, OPTIONS_TALK, OPTIONS_CONSOLE };

// What stands in the script's place on the command line, and is done by a module of luaws's own:
// lua/luaws/<name>.lua, whose function run(hasEditor, ...) gets the words behind the name.
struct options_command {
  const char *name;
  enum options_editor editor;
  enum log_level log_level; // unless it says otherwise itself
  bool on_free_ports;       // worker_options.on_free_ports
  bool is_self_signed;      // has the certificate of --tls-self-signed at hand
  bool sees_signals;        // the first SIGINT, SIGTERM or SIGHUP is its own affair
};

struct options {
  enum options_action action;
  const struct options_command *command; // OPTIONS_COMMAND
  const char *host;                      // NULL: not given
  int port;                              // -1: not given
  const char *root;                      // NULL: not given
  const char *tls_cert;                  // NULL: not given
  const char *tls_key;                   // given with tls_cert
  bool tls_self_signed;                  // not with these
  unsigned io_threads;                   // 1-64
  unsigned workers;                      // 1-64
  uint64_t memory_limit;                 // bytes; 0: not given
  bool watch;                            // reload the script when its files change
  const char *watch_folder;              // of --watch=FOLDER, NULL: the script's
  bool console;                          // lines of stdin are run in the script's state
  bool stays;                            // luaws repl: also when no script is left to wait for
  bool attach;                           // open a socket for `luaws attach`
  const char *attach_path;               // NULL: in the usual place
  bool estimate;                         // measure memory, then end
  const char *query;                     // what the estimate's clients ask with, NULL: nothing
  enum log_level log_level;
  enum log_format log_format;
  char *code;         // of all -e, NULL: none; freed by options_deinit
  const char *script; // path, "-" for stdin, NULL: only `code`
  char **args;        // what follows the script or the command, NULL-terminated: points into argv
};

// 0, or ERR_INVALID with *err saying what is wrong: print it and exit with 2.
int options_parse(struct options *o, char **argv, struct err *err);
void options_deinit(struct options *o);

// What --help prints.
extern const char *const OPTIONS_HELP_TEXT;

#endif
