#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

// What the kernel knows about a process: the processor time it has used, the memory it holds and
// the cores it may use. One thread.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Nanoseconds of processor time, user and system, of all its threads, ended ones included.
// Returns 0, or -errno.
int process_cpu(pid_t pid, uint64_t *ns);

// Bytes of memory that are its alone: resident, written to, not shared. Returns 0, or -errno.
int process_memory(pid_t pid, uint64_t *bytes);

// Bytes that the kernel holds for the sockets of all processes: themselves, their files and epoll's
// entries, the buffers of TCP. Returns 0, or -errno.
int process_kernel_memory(uint64_t *bytes);

// Whether this process is pinned to a single core which the process `pid` may not use.
bool process_has_own_core(pid_t pid);

#endif
