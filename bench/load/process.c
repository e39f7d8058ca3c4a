// The server's cost is read from the kernel, by the generator, at the very moments at which the
// measured interval begins and ends. Main thread.

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "process.h"

static int read_number(const char *name, const char *format, uint64_t *number);
static int read_slabs(uint64_t *bytes);
static bool is_of_sockets(const char *name);

// The processor-time clock of another process counts in nanoseconds; /proc/PID/stat has ticks of
// 10 ms, and /proc/PID/schedstat the first thread only.
int process_cpu(pid_t pid, uint64_t *ns) {
  clockid_t clock;
  int result = clock_getcpuclockid(pid, &clock);
  if (result != 0) return -result;
  struct timespec t;
  if (clock_gettime(clock, &t) != 0) return -errno;
  *ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
  return 0;
}

// Not the Rss lines of /proc/PID/status: the kernel rounds those by a few hundred KiB, which is
// tens of bytes for each of ten thousand connections.
int process_memory(pid_t pid, uint64_t *bytes) {
  char name[64];
  uint64_t kib;
  snprintf(name, sizeof name, "/proc/%ld/smaps_rollup", (long)pid);
  int result = read_number(name, "Private_Dirty: %" SCNu64, &kib);
  if (result == 0) *bytes = kib * 1024;
  return result;
}

// The objects in use, where they may be read, else the pages of all objects.
int process_kernel_memory(uint64_t *bytes) {
  uint64_t kib, pages;
  int result = read_slabs(bytes);
  if (result != 0) {
    result = read_number("/proc/meminfo", "Slab: %" SCNu64, &kib);
    if (result != 0) return result;
    *bytes = kib * 1024;
  }
  result = read_number("/proc/net/sockstat", "TCP: %*[^m]mem %" SCNu64, &pages);
  if (result == 0) *bytes += pages * (uint64_t)sysconf(_SC_PAGESIZE);
  return result;
}

bool process_has_own_core(pid_t pid) {
  cpu_set_t own, other;
  if (sched_getaffinity(0, sizeof own, &own) != 0 ||
      sched_getaffinity(pid, sizeof other, &other) != 0)
    return false;
  cpu_set_t both;
  CPU_AND(&both, &own, &other);
  return CPU_COUNT(&own) == 1 && CPU_COUNT(&both) == 0;
}

// The number in the first line of the file that has the format.
static int read_number(const char *name, const char *format, uint64_t *number) {
  char line[256];
  FILE *file = fopen(name, "r");
  if (file == NULL) return -errno;
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL)
    found = sscanf(line, format, number) == 1;
  fclose(file);
  return found ? 0 : -ENODATA;
}

// Lines of /proc/slabinfo: name, objects in use, objects, size of one. For root only. What other
// programs do with files would drown the rest.
static int read_slabs(uint64_t *bytes) {
  char line[512], name[64];
  FILE *file = fopen("/proc/slabinfo", "r");
  if (file == NULL) return -errno;
  uint64_t active, size, sum = 0;
  while (fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "%63s %" SCNu64 " %*u %" SCNu64, name, &active, &size) == 3 &&
        is_of_sockets(name))
      sum += active * size;
  fclose(file);
  *bytes = sum;
  return sum > 0 ? 0 : -ENODATA;
}

static bool is_of_sockets(const char *name) {
  static const char *const names[] = {
      "TCP",          "sock_inode_cache", "lsm_inode_cache",  "filp",
      "dentry",       "tcp_bind_bucket",  "tcp_bind2_bucket", "eventpoll_epi",
      "eventpoll_pwq"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}
