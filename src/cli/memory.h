#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

// What memory is in use, by the process and by the kernel for sockets. Any thread.

#include <stdint.h>

struct memory {
  int64_t process; // bytes: taken from malloc; where it doesn't tell: private and written to
  int64_t kernel;  // bytes: sockets with their files and buffers, of all processes
};

struct memory memory_read(void);

#endif
