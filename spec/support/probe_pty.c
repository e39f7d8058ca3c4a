// Pseudo-terminals for specs: what a program writes to its terminal, and what is typed there.

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "probe.h"

static int fail(lua_State *L, const char *what) {
  return luaL_error(L, "%s: %s", what, strerror(errno));
}

static void set_size(lua_State *L, int fd, lua_Integer columns, lua_Integer rows) {
  struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  if (ioctl(fd, TIOCSWINSZ, &size) != 0) fail(L, "TIOCSWINSZ");
}

// pty.open(columns, rows) -> descriptor of our side, descriptor and path of the terminal
static int open_pty(lua_State *L) {
  int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0) return fail(L, "posix_openpt");
  set_size(L, fd, luaL_checkinteger(L, 1), luaL_checkinteger(L, 2));
  const char *path = ptsname(fd);
  int terminal = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return fail(L, path);
  lua_pushinteger(L, fd);
  lua_pushinteger(L, terminal);
  lua_pushstring(L, path);
  return 3;
}

// pty.resize(descriptor, columns, rows)
static int resize(lua_State *L) {
  set_size(L, (int)luaL_checkinteger(L, 1), luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));
  return 0;
}

// pty.isCooked(descriptor of the terminal): whether it echoes, and gathers lines
static int is_cooked(lua_State *L) {
  struct termios modes;
  if (tcgetattr((int)luaL_checkinteger(L, 1), &modes) != 0) return fail(L, "tcgetattr");
  lua_pushboolean(L, (modes.c_lflag & ECHO) != 0 && (modes.c_lflag & ICANON) != 0);
  return 1;
}

// pty.close(descriptor)
static int close_fd(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

int probe_open_pty(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"open", open_pty},
                                       {"resize", resize},
                                       {"isCooked", is_cooked},
                                       {"close", close_fd},
                                       {NULL, NULL}};
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
