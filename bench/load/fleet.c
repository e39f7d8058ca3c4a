// Opens clients a few at a time, and holds what they share. Main thread.

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "base/mem.h"
#include "client.h"
#include "fleet.h"

static void open_more(struct fleet *f);

void fleet_init(struct fleet *f) {
  if (getrandom(&f->random, sizeof f->random, 0) < 0 || f->random == 0) f->random = 1;
  payload_init(&f->payload, f->kind, f->size, f->random);
  f->in = mem_alloc(FLEET_READ);
  f->clients = mem_zalloc(f->capacity * sizeof *f->clients);
  if (f->window == 0) f->window = FLEET_WINDOW;
  uint32_t wanted = f->ring;
  for (f->ring = 1; f->ring < wanted;)
    f->ring *= 2;
  size_t size = 256 + strlen(f->path);
  f->request = mem_alloc(size);
  snprintf(f->request, size,
           "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: " CLIENT_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
           f->path, ntohs(f->address.sin_port));
}

void fleet_deinit(struct fleet *f) {
  for (uint32_t i = 0; i < f->started; i++)
    client_destroy(&f->clients[i]);
  payload_deinit(&f->payload);
  mem_free(f->clients);
  mem_free(f->in);
  mem_free(f->out);
  mem_free(f->request);
}

void fleet_open(struct fleet *f, uint32_t wanted) {
  f->wanted = wanted;
  open_more(f);
}

void fleet_flush(struct fleet *f) {
  struct client *c = f->writer;
  size_t n = f->out_len;
  f->writer = NULL;
  f->out_len = 0;
  if (c != NULL) client_send_bytes(c, f->out, n);
}

bool fleet_is_home(const struct fleet *f) {
  for (uint32_t i = 0; i < f->started; i++)
    if (f->clients[i].received != f->clients[f->one_sender ? 0 : i].sent) return false;
  return true;
}

void fleet_on_open(struct client *c) {
  c->fleet->open++;
  if (c->fleet->on_open != NULL) c->fleet->on_open(c);
  open_more(c->fleet);
}

static void open_more(struct fleet *f) {
  while (f->started < f->wanted && f->started - f->open < f->window) {
    uint32_t i = f->started++;
    client_open(&f->clients[i], f, i);
  }
}
