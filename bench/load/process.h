#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

// What the kernel knows about a process: the processor time it has used and the memory it holds.

#include <stdint.h>
#include <sys/types.h>

// Nanoseconds of processor time, user and system, of all its threads, ended ones included.
// Returns 0, or -errno.
int process_cpu(pid_t pid, uint64_t *ns);

// Bytes of memory that are its alone: resident, written to, not shared. Returns 0, or -errno.
int process_memory(pid_t pid, uint64_t *bytes);

#endif
