// Reads /proc, and asks glibc's malloc. Any thread.

#include "cli/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

// The number behind `label` in a file of /proc; 0 when there is none.
static int64_t read_number(const char *path, const char *label) {
  char line[512];
  int64_t number = 0;
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {
    const char *at = strstr(line, label);
    if (!at) continue;
    number = strtoll(at + strlen(label), NULL, 10);
    break;
  }
  fclose(file);
  return number;
}

// What sockets, their files and epoll's entries are made of.
static bool is_of_sockets(const char *name) {
  static const char *const NAMES[] = {"TCP",    "TCPv6",          "sock_inode_cache",
                                      "filp",   "eventpoll_epi",  "eventpoll_pwq",
                                      "dentry", "lsm_inode_cache"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    if (strcmp(name, NAMES[i]) == 0) return true;
  }
  return false;
}

// Their bytes by /proc/slabinfo, which only root may read: name, objects in use, objects, size of
// one. Otherwise all that the kernel's small objects take.
static int64_t count_sockets(void) {
  char line[512], name[64];
  int64_t in_use, size, sum = 0;
  FILE *file = fopen("/proc/slabinfo", "re");
  if (!file) return read_number("/proc/meminfo", "Slab:") * 1024;
  while (fgets(line, sizeof line, file)) {
    bool is_cache = sscanf(line, "%63s %" SCNd64 " %*d %" SCNd64, name, &in_use, &size) == 3;
    if (is_cache && is_of_sockets(name)) sum += in_use * size;
  }
  fclose(file);
  return sum;
}

// A count of pages could not tell what is used anew of what had been freed.
static int64_t count_malloced(void) {
#ifdef __GLIBC__
  struct mallinfo2 info = mallinfo2();
  return (int64_t)(info.uordblks + info.hblkhd);
#else
  return 0;
#endif
}

struct memory memory_read(void) {
  struct memory m = {.process = count_malloced()};
  if (m.process == 0) m.process = read_number("/proc/self/smaps_rollup", "Private_Dirty:") * 1024;
  // "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 3": pages.
  m.kernel = read_number("/proc/net/sockstat", " mem ") * sysconf(_SC_PAGESIZE) + count_sockets();
  return m;
}
