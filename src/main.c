// The program: reads the command line, prepares the process, and leaves the rest to its threads.
// Main thread.

#include <fcntl.h>
#include <llhttp.h>
#include <lua.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include "base/log.h"
#include "base/mem.h"
#include "cli/options.h"
#include "luaws_version.h"
#include "terminal.h"
#include "threads.h"

enum { EXIT_USAGE = 2 };

static void print_version(void) {
  printf("luaws %s\n", LUAWS_VERSION);
  printf("%s.%s, libuv %s, %s, zlib %s, llhttp %d.%d.%d\n", LUA_VERSION, LUA_VERSION_RELEASE,
         uv_version_string(), OpenSSL_version(OPENSSL_VERSION), zlibVersion(), LLHTTP_VERSION_MAJOR,
         LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}

// Blocks of messages come and go by the quarter megabyte: glibc would map and unmap them each time.
static void tune_malloc(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
#endif
}

// As many connections as the system allows without further ado.
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Who is started without stdin, stdout or stderr gets /dev/null there, or the next descriptors that
// are opened would be taken for them.
static void open_missing_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return; // it gets this number
}

static void prepare_process(const struct options *options) {
  log_configure(options->log_level, options->log_format);
  tune_malloc();
  raise_descriptor_limit();
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

// Runs it with a line editor of that style, if there is a terminal for one.
static int run_edited(struct options *options, const char *program, enum options_editor editor,
                      void (*prepare)(struct options *options, const struct terminal *terminal)) {
  prepare_process(options);
  struct terminal *terminal = NULL;
  if (editor != OPTIONS_NO_EDITOR && terminal_is_there()) {
    struct err err;
    terminal = terminal_open(editor == OPTIONS_TALK ? EDITOR_TALK : EDITOR_CONSOLE, &err);
    if (!terminal) {
      fprintf(stderr, "luaws: %s\n", err.text);
      return EXIT_FAILURE;
    }
  }
  if (prepare) prepare(options, terminal);
  int exit_code = threads_run(options, program, terminal);
  terminal_free(terminal);
  return exit_code;
}

static int run(struct options *options, const char *program) {
  return run_edited(options, program, options->console ? OPTIONS_CONSOLE : OPTIONS_NO_EDITOR, NULL);
}

// A command is a module in Lua. It is told whether there is a line editor, because it can't see the
// terminal behind that; with EDITOR_CONSOLE, by the number of the descriptor that takes answers.
static void write_call(struct options *options, const struct terminal *terminal) {
  static const char CALL[] = "require 'luaws.%s'.run(%s, ...)";
  const char *name = options->command->name;
  char flag[16];
  int answers = terminal ? terminal_answers(terminal) : -1;
  if (answers >= 0)
    snprintf(flag, sizeof flag, "%d", answers);
  else
    snprintf(flag, sizeof flag, "%s", terminal ? "true" : "false");
  int length = snprintf(NULL, 0, CALL, name, flag);
  options->code = mem_alloc((size_t)length + 1);
  snprintf(options->code, (size_t)length + 1, CALL, name, flag);
}

static int run_command(struct options *options, const char *program) {
  return run_edited(options, program, options->command->editor, write_call);
}

int main(int argc, char **argv) {
  (void)argc;
  open_missing_streams();
  struct options options;
  struct err err;
  if (options_parse(&options, argv, &err) != 0) {
    fprintf(stderr, "luaws: %s (see luaws --help)\n", err.text);
    options_deinit(&options);
    return EXIT_USAGE;
  }
  int exit_code = EXIT_SUCCESS;
  switch (options.action) {
  case OPTIONS_VERSION: print_version(); break;
  case OPTIONS_HELP: fputs(OPTIONS_HELP_TEXT, stdout); break;
  case OPTIONS_COMMAND: exit_code = run_command(&options, argv[0]); break;
  case OPTIONS_RUN: exit_code = run(&options, argv[0]); break;
  }
  options_deinit(&options);
  return exit_code;
}
