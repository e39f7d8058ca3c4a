// luaws-spec: runs the specs with busted in a Lua that has luv and the probes inside.
//
// Two processes. The child runs the specs (spec/support/runner.lua); the parent waits for it and
// prints the last line, so that a crash, a hang or a sanitizer's report is counted as a failure
// whatever became of the child. Both see one page: how far the child has come.

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <luv/luv.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#include "probe.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIMEOUT_FACTOR "6"
#elif defined(LUAWS_TINY)
#define TIMEOUT_FACTOR "3"
#else
#define TIMEOUT_FACTOR "1"
#endif

// Written by the child, read by the parent when the child is gone.
struct progress {
  int passed, failed;
  bool finished;     // the specs ran to their end
  char current[512]; // what runs now: file and name of the test
};

static struct progress *progress;

// runner.progress(passed, failed, current, seconds): the test `current` begins, and is given so
// many seconds before the process is ended by SIGALRM.
static int report_progress(lua_State *L) {
  progress->passed = (int)luaL_checkinteger(L, 1);
  progress->failed = (int)luaL_checkinteger(L, 2);
  snprintf(progress->current, sizeof progress->current, "%s", luaL_checkstring(L, 3));
  alarm((unsigned)luaL_optinteger(L, 4, 0));
  return 0;
}

// runner.onCallbackError(fn): fn is called with what a luv callback has raised.
static int set_error_callback(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "runner.onCallbackError");
  return 0;
}

static int open_runner(lua_State *L) {
  const luaL_Reg functions[] = {
      {"progress", report_progress}, {"onCallbackError", set_error_callback}, {NULL, NULL}};
  luaL_newlib(L, functions);
#ifdef LUAWS_TINY
  lua_pushboolean(L, true);
#else
  lua_pushboolean(L, false);
#endif
  lua_setfield(L, -2, "isTiny");
  return 1;
}

static int add_traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message) luaL_traceback(L, L, message, 1);
  return 1;
}

// luv's own routine would end the process; here the error becomes that of the running test.
static int call_luv_callback(lua_State *L, int nargs, int nresults, int flags) {
  (void)flags;
  int base = lua_gettop(L) - nargs;
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, base);
  int status = lua_pcall(L, nargs, nresults, base);
  lua_remove(L, base);
  if (status == LUA_OK) return lua_gettop(L) - base + 1;
  lua_getfield(L, LUA_REGISTRYINDEX, "runner.onCallbackError");
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "luaws-spec: %s\n", lua_tostring(L, -1));
    abort();
  }
  return -status;
}

static void open_libraries(lua_State *L, uv_loop_t *loop) {
  luaL_openlibs(L);
  luv_set_loop(L, loop);
  luv_set_callback(L, call_luv_callback);
  luaL_requiref(L, "luv", luaopen_luv, 0);
  luaL_requiref(L, "probe", luaopen_probe, 0);
  luaL_requiref(L, "runner", open_runner, 0);
  lua_settop(L, 0);
}

// Lua closes the handles that its state owns; their close callbacks run when the loop does.
static int run_specs(int argc, char **argv) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  lua_State *L = luaL_newstate();
  open_libraries(L, &loop);
  lua_pushcfunction(L, add_traceback);
  int status = luaL_loadfile(L, "spec/support/runner.lua");
  if (status == LUA_OK) {
    luaL_checkstack(L, argc, "too many arguments");
    for (int i = 1; i < argc; i++)
      lua_pushstring(L, argv[i]);
    status = lua_pcall(L, argc - 1, 1, 1);
  }
  bool green = status == LUA_OK && lua_toboolean(L, -1);
  if (status != LUA_OK) fprintf(stderr, "luaws-spec: %s\n", lua_tostring(L, -1));
  progress->finished = status == LUA_OK;
  alarm(0);
  lua_close(L);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return green ? EXIT_SUCCESS : EXIT_FAILURE;
}

// How the child ended, where that is no matter of the specs themselves.
static void explain_end(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    printf("\nluaws-spec: hung in %s\n", progress->current);
  else if (WIFSIGNALED(status))
    printf("\nluaws-spec: died of signal %d (%s) in %s\n", WTERMSIG(status),
           strsignal(WTERMSIG(status)), progress->current);
  else if (!progress->finished)
    printf("\nluaws-spec: ended with code %d in %s\n", WEXITSTATUS(status), progress->current);
  else
    printf("\nluaws-spec: code %d after the last spec\n", WEXITSTATUS(status));
}

static int report_end(int status) {
  bool green = WIFEXITED(status) && WEXITSTATUS(status) == 0 && progress->finished;
  bool explained = progress->finished && progress->failed > 0 && WIFEXITED(status) &&
                   WEXITSTATUS(status) == EXIT_FAILURE;
  if (!green && !explained) {
    explain_end(status);
    progress->failed++;
  }
  printf("%d passed, %d failed\n", progress->passed, progress->failed);
  return green && progress->failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  setenv("LUAWS_BIN", LUAWS_BUILD_DIR "/luaws", 0);
  setenv("LUAWS_TEST_TIMEOUT_FACTOR", TIMEOUT_FACTOR, 0);
  signal(SIGPIPE, SIG_IGN);
  progress =
      mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (progress == MAP_FAILED) {
    perror("luaws-spec: mmap");
    return EXIT_FAILURE;
  }
  snprintf(progress->current, sizeof progress->current, "the start");
  pid_t child = fork();
  if (child < 0) {
    perror("luaws-spec: fork");
    return EXIT_FAILURE;
  }
  if (child == 0) return run_specs(argc, argv);
  signal(SIGINT, SIG_IGN); // the child ends by it, and is reported
  int status;
  if (waitpid(child, &status, 0) < 0) {
    perror("luaws-spec: waitpid");
    return EXIT_FAILURE;
  }
  return report_end(status);
}
