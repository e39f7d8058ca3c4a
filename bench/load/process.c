// The server's cost is read from the kernel, by the generator, at the very moments at which the
// measured interval begins and ends. Main thread.

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include "process.h"

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
  char name[64], line[256];
  snprintf(name, sizeof name, "/proc/%ld/smaps_rollup", (long)pid);
  FILE *file = fopen(name, "r");
  if (file == NULL) return -errno;
  uint64_t kib = 0;
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL)
    found = sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1;
  fclose(file);
  *bytes = kib * 1024;
  return found ? 0 : -ENODATA;
}
