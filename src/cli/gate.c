// The console's socket. A lock on its folder keeps those out who would replace it at the same time.
// Main thread.

#include "cli/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mem.h"

enum {
  PRIVATE_FILE = 0600,
  PRIVATE_FOLDER = 0700,
  OTHERS = 0077,
  OTHERS_WRITE = 0022,
  BACKLOG = 8,
  LOCK_MS = 2000, // for others to open their sockets in the same folder
  LOOK_MS = 20
};

struct gate {
  char *path;
  int folder; // a descriptor of it; -1: not open
  int fd;     // -1: not open
  bool is_made;
  struct stat socket; // what has been made
};

// Where it lies -----------------------------------------------------------------------------------

static char *write_path(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = mem_alloc(size);
  snprintf(path, size, "%s/%s", folder, name);
  return path;
}

// The default folder; it exists afterwards, or opening it tells why not.
static char *make_default_folder(void) {
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  char own[64];
  snprintf(own, sizeof own, "luaws-%lu", (unsigned long)geteuid());
  bool has_runtime = runtime && runtime[0] == '/';
  char *folder = has_runtime ? write_path(runtime, "luaws") : write_path("/tmp", own);
  mkdir(folder, PRIVATE_FOLDER);
  return folder;
}

static char *default_path(void) {
  char name[32];
  snprintf(name, sizeof name, "%ld.sock", (long)getpid());
  char *folder = make_default_folder();
  char *path = write_path(folder, name);
  mem_free(folder);
  return path;
}

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static char *folder_of(const char *path) {
  const char *name = name_of(path);
  if (name == path) return mem_dup_string(".");
  return name == path + 1 ? mem_dup_string("/") : mem_dup(path, (size_t)(name - path) - 1);
}

// It mustn't be a link, and nobody else may put anything there.
static int open_folder(struct gate *g, mode_t forbidden, struct err *err) {
  char *folder = folder_of(g->path);
  struct stat info;
  g->folder = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int status = ERR_INVALID;
  if (g->folder < 0 && (errno == ELOOP || errno == ENOTDIR))
    err_set(err, ERR_LUAW, 1, "the console's socket: %s is no folder, or a link to one", folder);
  else if (g->folder < 0 || fstat(g->folder, &info) != 0)
    err_set_errno(err, errno, "the console's socket: %s", folder);
  else if (info.st_uid != geteuid())
    err_set(err, ERR_LUAW, 1, "the console's socket: %s belongs to another user", folder);
  else if ((info.st_mode & forbidden) != 0)
    err_set(err, ERR_LUAW, 1, "the console's socket: others may %s %s (chmod 700 it)",
            forbidden == OTHERS ? "look into" : "write to", folder);
  else
    status = 0;
  mem_free(folder);
  return status;
}

// The socket --------------------------------------------------------------------------------------

static int fill_address(const char *path, struct sockaddr_un *address, struct err *err) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) < sizeof address->sun_path) {
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
  }
  err_set(err, ERR_LUAW, 1,
          "the console's socket: its path is longer than %zu bytes (choose one with --attach=PATH)",
          sizeof address->sun_path - 1);
  return ERR_TOO_BIG;
}

static int open_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

// Whether nobody listens there any more.
static bool is_stale(const struct sockaddr_un *address) {
  int fd = open_socket();
  if (fd < 0) return false;
  bool is_refused =
      connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
  close(fd);
  return is_refused;
}

// Makes room for it. With the folder locked.
static int remove_stale(const struct gate *g, const struct sockaddr_un *address, struct err *err) {
  struct stat info;
  if (fstatat(g->folder, name_of(g->path), &info, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  if (!S_ISSOCK(info.st_mode) || info.st_uid != geteuid()) {
    err_set(err, ERR_LUAW, 1, "the console's socket: %s is there already, and is something else",
            g->path);
    return ERR_TAKEN;
  }
  if (!is_stale(address)) {
    err_set(err, ERR_LUAW, 1, "the console's socket: somebody listens on %s already", g->path);
    return ERR_TAKEN;
  }
  if (unlinkat(g->folder, name_of(g->path), 0) == 0) return 0;
  err_set_errno(err, errno, "the console's socket: %s", g->path);
  return ERR_INVALID;
}

// Whether what was bound lies in the folder that has been looked at.
static bool note_socket(struct gate *g) {
  g->is_made = fstatat(g->folder, name_of(g->path), &g->socket, AT_SYMLINK_NOFOLLOW) == 0 &&
               S_ISSOCK(g->socket.st_mode) && g->socket.st_uid == geteuid();
  if (!g->is_made) errno = ESTALE;
  return g->is_made;
}

static int make_socket(struct gate *g, struct err *err) {
  struct sockaddr_un address;
  int status = fill_address(g->path, &address, err);
  if (status == 0) status = remove_stale(g, &address, err);
  if (status < 0) return status;
  g->fd = open_socket();
  bool is_made = g->fd >= 0 &&
                 bind(g->fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                 note_socket(g) && fchmodat(g->folder, name_of(g->path), PRIVATE_FILE, 0) == 0 &&
                 listen(g->fd, BACKLOG) == 0;
  if (is_made) return 0;
  err_set_errno(err, errno, "the console's socket: %s", g->path);
  return ERR_INVALID;
}

// Whoever can read the folder can lock it, and never let go.
static int lock_folder(const struct gate *g, struct err *err) {
  for (int waited = 0; flock(g->folder, LOCK_EX | LOCK_NB) != 0; waited += LOOK_MS) {
    if (errno != EWOULDBLOCK) return 0; // this file system has no locks
    if (waited >= LOCK_MS) {
      err_set(err, ERR_LUAW, 1,
              "the console's socket: another process keeps the folder of %s locked", g->path);
      return ERR_TAKEN;
    }
    poll(NULL, 0, LOOK_MS);
  }
  return 0;
}

struct gate *gate_open(const char *path, struct err *err) {
  struct gate *g = mem_zalloc(sizeof *g);
  g->folder = g->fd = -1;
  g->path = path ? mem_dup_string(path) : default_path();
  int status = open_folder(g, path ? OTHERS_WRITE : OTHERS, err);
  if (status == 0) status = lock_folder(g, err);
  if (status == 0) {
    status = make_socket(g, err);
    flock(g->folder, LOCK_UN);
  }
  if (status == 0) return g;
  gate_close(g);
  return NULL;
}

int gate_fd(const struct gate *g) {
  return g->fd;
}

const char *gate_path(const struct gate *g) {
  return g->path;
}

// 0, or a negative errno.
static int find_peer(int fd, uid_t *user) {
#ifdef SO_PEERCRED
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -errno;
  *user = peer.uid;
  return 0;
#else
  gid_t group;
  return getpeereid(fd, user, &group) == 0 ? 0 : -errno;
#endif
}

static int check_peer(int fd, struct err *err) {
  uid_t user;
  int status = find_peer(fd, &user);
  if (status < 0)
    err_set_errno(err, -status, "the console's socket: who connects");
  else if (user != geteuid())
    err_set(err, ERR_LUAW, 1, "the console refuses user %lu, who isn't the one it runs as",
            (unsigned long)user);
  else
    return 0;
  return ERR_INVALID;
}

static int accept_one(int fd) {
#ifdef __linux__
  return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  int accepted = accept(fd, NULL, NULL);
  if (accepted < 0) return -1;
  fcntl(accepted, F_SETFD, FD_CLOEXEC);
  fcntl(accepted, F_SETFL, O_NONBLOCK);
  return accepted;
#endif
}

int gate_accept(struct gate *g, struct err *err) {
  *err = (struct err){0};
  int fd = accept_one(g->fd);
  if (fd < 0) {
    bool is_nobody = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    if (!is_nobody) err_set_errno(err, errno, "the console's socket");
    return -1;
  }
  if (check_peer(fd, err) == 0) return fd;
  close(fd);
  return -1;
}

// Nobody replaces it as long as it listens, so that this needs no lock.
static void remove_socket(const struct gate *g) {
  struct stat info;
  if (fstatat(g->folder, name_of(g->path), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      info.st_ino == g->socket.st_ino && info.st_dev == g->socket.st_dev)
    unlinkat(g->folder, name_of(g->path), 0);
}

void gate_close(struct gate *g) {
  if (!g) return;
  if (g->is_made) remove_socket(g);
  if (g->fd >= 0) close(g->fd);
  if (g->folder >= 0) close(g->folder);
  mem_free(g->path);
  mem_free(g);
}
