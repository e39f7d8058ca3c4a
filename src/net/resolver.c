// Looking names up. Loop thread, but for getaddrinfo itself.

#include "net/resolver.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"

struct resolver {
  uv_getaddrinfo_t request;
  void (*on_done)(void *owner, const struct address *list, int count, const struct err *err);
  void *owner;
  bool is_cancelled;
  char host[]; // for messages
};

static void explain(struct err *err, const char *host, int status) {
  switch (status) {
  case UV_EAI_NONAME:
  case UV_EAI_NODATA:
  case UV_EAI_ADDRFAMILY: // it has none that this machine could connect to
    err_set(err, ERR_UV__, status, "can't find host '%s'", host);
    return;
  case UV_EAI_AGAIN:
    err_set(err, ERR_UV__, status, "can't find host '%s': no answer from a name server", host);
    return;
  default: err_set(err, ERR_UV__, status, "can't find host '%s': %s", host, uv_strerror(status));
  }
}

static int copy_list(struct address *list, const struct addrinfo *found) {
  int count = 0;
  for (const struct addrinfo *i = found; i && count < RESOLVER_ADDRESSES_MAX; i = i->ai_next) {
    if (i->ai_family != AF_INET && i->ai_family != AF_INET6) continue;
    list[count] = (struct address){.size = i->ai_addrlen};
    memcpy(&list[count++].storage, i->ai_addr, i->ai_addrlen);
  }
  return count;
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
  struct resolver *r = LIST_ENTRY(request, struct resolver, request);
  struct address list[RESOLVER_ADDRESSES_MAX];
  struct err err;
  int count = status == 0 ? copy_list(list, found) : 0;
  uv_freeaddrinfo(found);
  if (count == 0) explain(&err, r->host, status == 0 ? UV_EAI_NONAME : status);
  if (!r->is_cancelled) r->on_done(r->owner, list, count, &err);
  mem_free(r);
}

struct resolver *resolver_start(uv_loop_t *loop, const char *host, uint16_t port,
                                void (*on_done)(void *owner, const struct address *list, int count,
                                                const struct err *err),
                                void *owner, struct err *err) {
  size_t size = strlen(host) + 1;
  struct resolver *r = mem_zalloc(sizeof *r + size);
  r->on_done = on_done;
  r->owner = owner;
  memcpy(r->host, host, size);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  char service[8];
  snprintf(service, sizeof service, "%u", port);
  int status = uv_getaddrinfo(loop, &r->request, on_found, host, service, &hints);
  if (status == 0) return r;
  explain(err, host, status);
  mem_free(r);
  return NULL;
}

void resolver_cancel(struct resolver *r) {
  r->is_cancelled = true;
  uv_cancel((uv_req_t *)&r->request); // on_found follows all the same
}
