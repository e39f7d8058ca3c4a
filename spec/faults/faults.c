// System calls that fail: linked into luaws-faults, a luaws whose calls of the functions below come
// here first (-Wl,--wrap), so that specs can let each of them fail, and luaws itself holds no code
// for tests. Any thread.
//
// LUAWS_FAULTS is a list of rules, separated by commas: CALL:FAULT[WHEN]
//
//   FAULT  an errno's name (EAGAIN, EMFILE, ...): the call isn't made and fails with it
//          short=N: reads and writes take at most N bytes
//          hold: the call waits (WHEN has to be a file), one thread's at a time
//   WHEN   @N: only the Nth call; /N: every Nth; ?PATH: while there is a file of that name;
//          none: always
//
// `count` in the place of a rule: at its end the program prints how often each was called.
//
// Sockets are watched for edges: a reader that is told EAGAIN, or gets less than there is, has been
// told so by the kernel only when it can rely on another edge. So the socket is watched anew then.

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum {
  RULES_MAX = 32,
  DESCRIPTORS_MAX = 65536,
  IOV_MAX_HERE = 64,
  HOLD_US = 1000,
  PATH_SIZE = 256
};

// The calls by name; read and write are those of eventfds alone, epoll_ctl is ADD alone.
#define CALLS(X)                                                                                   \
  X(recv)                                                                                          \
  X(send)                                                                                          \
  X(sendmsg)                                                                                       \
  X(accept4)                                                                                       \
  X(epoll_ctl)                                                                                     \
  X(epoll_wait)                                                                                    \
  X(read)                                                                                          \
  X(write)                                                                                         \
  X(setsockopt)                                                                                    \
  X(getsockname)                                                                                   \
  X(getpeername)                                                                                   \
  X(getsockopt)                                                                                    \
  X(connect)                                                                                       \
  X(open)                                                                                          \
  X(openat)                                                                                        \
  X(dup)                                                                                           \
  X(fstat)                                                                                         \
  X(pread)                                                                                         \
  X(socket)                                                                                        \
  X(bind)                                                                                          \
  X(listen)                                                                                        \
  X(eventfd)                                                                                       \
  X(epoll_create1)                                                                                 \
  X(uv_loop_init)                                                                                  \
  X(uv_poll_init)                                                                                  \
  X(uv_getaddrinfo)                                                                                \
  X(uv_async_init)                                                                                 \
  X(uv_signal_init)                                                                                \
  X(uv_thread_create)                                                                              \
  X(uv_fs_event_start)

#define NUMBER(name) CALL_##name,
enum call { CALLS(NUMBER) CALL_COUNT };

#define NAME(name) #name,
static const char *const NAMES[] = {CALLS(NAME)};

struct rule {
  enum call call;
  int error;   // or 0
  size_t most; // bytes, or 0
  bool holds;
  unsigned nth, every; // or 0
  char path[PATH_SIZE];
};

// What shall become of a call.
struct verdict {
  int error;
  size_t most;
};

// Set before main, but for the counts.
static struct rule rules[RULES_MAX];
static unsigned rule_count;
static atomic_uint calls[CALL_COUNT];
static atomic_bool is_holding;

// What a descriptor is watched for; an entry is its thread's.
static struct {
  int epoll;
  struct epoll_event event;
} watched[DESCRIPTORS_MAX];
static atomic_bool is_eventfd[DESCRIPTORS_MAX];

static void give_up(const char *text) {
  fprintf(stderr, "faults: can't read '%s' in LUAWS_FAULTS\n", text);
  exit(2);
}

static int find_call(const char *name, size_t n) {
  for (int i = 0; i < CALL_COUNT; i++) {
    if (strlen(NAMES[i]) == n && strncmp(NAMES[i], name, n) == 0) return i;
  }
  return -1;
}

static int find_error(const char *name, size_t n) {
  for (int i = 1; i < 256; i++) {
    const char *known = strerrorname_np(i);
    if (known && strlen(known) == n && strncmp(known, name, n) == 0) return i;
  }
  return 0;
}

static void print_counts(void) {
  for (int i = 0; i < CALL_COUNT; i++) {
    if (calls[i] > 0) fprintf(stderr, "faults: %s was called %u times\n", NAMES[i], calls[i]);
  }
}

static bool read_when(struct rule *rule, const char *when) {
  char *end = "";
  switch (*when) {
  case '\0': return true;
  case '@': rule->nth = (unsigned)strtoul(when + 1, &end, 10); return *end == '\0' && rule->nth;
  case '/': rule->every = (unsigned)strtoul(when + 1, &end, 10); return *end == '\0' && rule->every;
  default: return snprintf(rule->path, sizeof rule->path, "%s", when + 1) < PATH_SIZE;
  }
}

static bool read_rule(struct rule *rule, const char *text) {
  const char *fault = strchr(text, ':');
  int call = fault ? find_call(text, (size_t)(fault - text)) : -1;
  if (call < 0) return false;
  rule->call = (enum call)call;
  fault++;
  size_t n = strcspn(fault, "@/?");
  if (strncmp(fault, "short=", 6) == 0) {
    rule->most = strtoul(fault + 6, NULL, 10);
    if (rule->most == 0) return false;
  } else if (n == 4 && strncmp(fault, "hold", n) == 0) {
    if (fault[n] != '?') return false;
    rule->holds = true;
  } else {
    rule->error = find_error(fault, n);
    if (rule->error == 0) return false;
  }
  return read_when(rule, fault + n);
}

__attribute__((constructor)) static void read_rules(void) {
  const char *value = getenv("LUAWS_FAULTS");
  char *text = strdup(value ? value : "");
  char *rest = NULL;
  for (char *at = strtok_r(text, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
    if (strcmp(at, "count") == 0) {
      atexit(print_counts);
    } else if (rule_count == RULES_MAX || !read_rule(&rules[rule_count++], at)) {
      give_up(at);
    }
  }
  free(text);
}

// One thread at a time: the others go on.
static void hold(const struct rule *rule) {
  if (atomic_exchange(&is_holding, true)) return;
  fprintf(stderr, "faults: %s is held\n", NAMES[rule->call]);
  while (access(rule->path, F_OK) == 0)
    usleep(HOLD_US);
  is_holding = false;
}

static bool applies(const struct rule *rule, unsigned number) {
  if (rule->nth) return number == rule->nth;
  if (rule->every) return number % rule->every == 0;
  return rule->path[0] == '\0' || access(rule->path, F_OK) == 0;
}

static struct verdict judge(enum call call) {
  struct verdict verdict = {0};
  unsigned number = atomic_fetch_add(&calls[call], 1) + 1;
  for (unsigned i = 0; i < rule_count; i++) {
    const struct rule *rule = &rules[i];
    if (rule->call != call || !applies(rule, number)) continue;
    if (rule->holds) hold(rule);
    if (rule->most) verdict.most = rule->most;
    if (rule->error) verdict.error = rule->error;
    if (rule->nth) fprintf(stderr, "faults: %s %u\n", NAMES[call], number);
  }
  errno = verdict.error;
  return verdict;
}

static size_t cut(size_t n, size_t most) {
  return most && most < n ? most : n;
}

// Reading and writing
// ------------------------------------------------------------------------------

int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
  if (operation == EPOLL_CTL_ADD && judge(CALL_epoll_ctl).error) return -1;
  if (operation != EPOLL_CTL_DEL && fd < DESCRIPTORS_MAX) {
    watched[fd].epoll = epoll;
    watched[fd].event = *event;
  }
  return __real_epoll_ctl(epoll, operation, fd, event);
}

static void watch_anew(int fd) {
  int error = errno;
  if (fd < DESCRIPTORS_MAX && watched[fd].epoll)
    __real_epoll_ctl(watched[fd].epoll, EPOLL_CTL_MOD, fd, &watched[fd].event);
  errno = error;
}

ssize_t __real_recv(int fd, void *to, size_t n, int flags);

ssize_t __wrap_recv(int fd, void *to, size_t n, int flags) {
  struct verdict v = judge(CALL_recv);
  if (v.error) {
    watch_anew(fd);
    return -1;
  }
  ssize_t result = __real_recv(fd, to, cut(n, v.most), flags);
  if (v.most && result > 0) watch_anew(fd);
  return result;
}

ssize_t __real_send(int fd, const void *from, size_t n, int flags);

ssize_t __wrap_send(int fd, const void *from, size_t n, int flags) {
  struct verdict v = judge(CALL_send);
  return v.error ? -1 : __real_send(fd, from, cut(n, v.most), flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
  struct verdict v = judge(CALL_sendmsg);
  if (v.error) return -1;
  if (v.most == 0 || message->msg_iovlen > IOV_MAX_HERE) return __real_sendmsg(fd, message, flags);
  struct iovec parts[IOV_MAX_HERE];
  struct msghdr less = *message;
  size_t left = v.most, count = 0;
  for (; count < message->msg_iovlen && left > 0; count++) {
    parts[count] = message->msg_iov[count];
    parts[count].iov_len = cut(parts[count].iov_len, left);
    left -= parts[count].iov_len;
  }
  less.msg_iov = parts;
  less.msg_iovlen = count;
  return __real_sendmsg(fd, &less, flags);
}

int __real_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout);

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
  return judge(CALL_epoll_wait).error ? -1 : __real_epoll_wait(epoll, events, count, timeout);
}

ssize_t __real_pread(int fd, void *to, size_t n, off_t offset);

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset) {
  struct verdict v = judge(CALL_pread);
  return v.error ? -1 : __real_pread(fd, to, cut(n, v.most), offset);
}

// Wake-ups ----------------------------------------------------------------------------------------

int __real_eventfd(unsigned count, int flags);

int __wrap_eventfd(unsigned count, int flags) {
  if (judge(CALL_eventfd).error) return -1;
  int fd = __real_eventfd(count, flags);
  if (fd >= 0 && fd < DESCRIPTORS_MAX) is_eventfd[fd] = true;
  return fd;
}

static bool is_wakeup(int fd) {
  return fd >= 0 && fd < DESCRIPTORS_MAX && is_eventfd[fd];
}

ssize_t __real_read(int fd, void *to, size_t n);

ssize_t __wrap_read(int fd, void *to, size_t n) {
  return is_wakeup(fd) && judge(CALL_read).error ? -1 : __real_read(fd, to, n);
}

ssize_t __real_write(int fd, const void *from, size_t n);

ssize_t __wrap_write(int fd, const void *from, size_t n) {
  return is_wakeup(fd) && judge(CALL_write).error ? -1 : __real_write(fd, from, n);
}

// All or nothing ----------------------------------------------------------------------------------

// A call that returns -1 with errno.
#define PLAIN(name, parameters, arguments)                                                         \
  int __real_##name parameters;                                                                    \
  int __wrap_##name parameters {                                                                   \
    return judge(CALL_##name).error ? -1 : __real_##name arguments;                                \
  }

// One of libuv's, that returns the error.
#define LIBUV(name, parameters, arguments)                                                         \
  int __real_##name parameters;                                                                    \
  int __wrap_##name parameters {                                                                   \
    int error = judge(CALL_##name).error;                                                          \
    return error ? -error : __real_##name arguments;                                               \
  }

PLAIN(accept4, (int fd, struct sockaddr *from, socklen_t *size, int flags), (fd, from, size, flags))
PLAIN(setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
      (fd, level, name, value, size))
PLAIN(getsockname, (int fd, struct sockaddr *to, socklen_t *size), (fd, to, size))
PLAIN(getpeername, (int fd, struct sockaddr *to, socklen_t *size), (fd, to, size))
PLAIN(getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
      (fd, level, name, value, size))
PLAIN(connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
PLAIN(open, (const char *path, int flags, unsigned mode), (path, flags, mode))
PLAIN(openat, (int folder, const char *path, int flags, unsigned mode), (folder, path, flags, mode))
PLAIN(dup, (int fd), (fd))
PLAIN(fstat, (int fd, struct stat *to), (fd, to))
PLAIN(socket, (int domain, int type, int protocol), (domain, type, protocol))
PLAIN(bind, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
PLAIN(listen, (int fd, int backlog), (fd, backlog))
PLAIN(epoll_create1, (int flags), (flags))
LIBUV(uv_loop_init, (uv_loop_t * loop), (loop))
LIBUV(uv_poll_init, (uv_loop_t * loop, uv_poll_t *handle, int fd), (loop, handle, fd))
LIBUV(uv_getaddrinfo,
      (uv_loop_t * loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb on_found, const char *host,
       const char *service, const struct addrinfo *hints),
      (loop, request, on_found, host, service, hints))
LIBUV(uv_async_init, (uv_loop_t * loop, uv_async_t *handle, uv_async_cb on_sent),
      (loop, handle, on_sent))
LIBUV(uv_signal_init, (uv_loop_t * loop, uv_signal_t *handle), (loop, handle))
LIBUV(uv_fs_event_start,
      (uv_fs_event_t * handle, uv_fs_event_cb callback, const char *path, unsigned flags),
      (handle, callback, path, flags))
LIBUV(uv_thread_create, (uv_thread_t * thread, uv_thread_cb entry, void *argument),
      (thread, entry, argument))
