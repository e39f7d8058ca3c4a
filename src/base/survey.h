#ifndef BASE_SURVEY_H
#define BASE_SURVEY_H

// What a worker tells of itself when main asks it (EVENT_SURVEY): its memory, and where its
// WebSocket servers can be reached. Made by the worker; owned by whom it is handed to.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct survey_server {
  char *path;     // its pattern, NULL: every path
  char *protocol; // a subprotocol that it speaks, NULL: none
  uint16_t port;
};

struct survey {
  bool is_loaded;   // the script's main chunk has returned
  size_t lua_used;  // bytes of Lua's objects, after a full collection
  size_t lua_taken; // bytes that Lua's allocator has from malloc for them
  size_t blocks;    // bytes of the blocks in mailboxes: they come with traffic, up to a ceiling
  unsigned server_count;
  struct survey_server servers[]; // the open ones
};

// Everything zero, with room for so many servers. Strings given later are mem_dup's.
struct survey *survey_new(unsigned server_count);
void survey_free(struct survey *s); // NULL is fine

#endif
