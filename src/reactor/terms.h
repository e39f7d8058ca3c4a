#ifndef REACTOR_TERMS_H
#define REACTOR_TERMS_H

// The terms that a WebSocket is held to, whoever opened it: what a connection asks of its server or
// of its client, each of which begins with them. Loop thread.

#include <stdbool.h>
#include "mailbox/config.h"
#include "ws/session.h"

struct lane;

struct terms {
  struct link_config *config; // a part of the configuration that the owner holds
  struct lane *lane;          // to the worker
  struct ws_limits limits;    // the sessions' part of the config
  bool is_client;             // struct client (reactor/client.h), else struct server
};

// `is_client` aside, which is false.
static inline void terms_init(struct terms *t, struct link_config *config, struct lane *lane) {
  uint64_t fragments = config->max_fragments;
  t->config = config;
  t->lane = lane;
  t->limits.max_payload = config->max_payload;
  t->limits.max_fragments = fragments > UINT32_MAX ? UINT32_MAX : (uint32_t)fragments;
}

#endif
