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

static int run(const struct options *options, const char *program) {
  prepare_process(options);
  return threads_run(options, program, NULL);
}

// A command is a module in Lua. It is told whether there is a line editor, because it can't see the
// terminal behind that.
static char *write_call(const char *name, bool has_editor) {
  static const char CALL[] = "require 'luaws.%s'.run(%s, ...)";
  const char *flag = has_editor ? "true" : "false";
  int length = snprintf(NULL, 0, CALL, name, flag);
  char *code = mem_alloc((size_t)length + 1);
  snprintf(code, (size_t)length + 1, CALL, name, flag);
  return code;
}

static int run_command(struct options *options, const char *program) {
  const struct options_command *command = options->command;
  prepare_process(options);
  struct terminal *terminal = NULL;
  if (command->farewell && terminal_is_there()) {
    struct err err;
    terminal = terminal_open(command->farewell, &err);
    if (!terminal) {
      fprintf(stderr, "luaws: %s\n", err.text);
      return EXIT_FAILURE;
    }
  }
  options->code = write_call(command->name, terminal != NULL);
  int exit_code = threads_run(options, program, terminal);
  terminal_free(terminal);
  return exit_code;
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
