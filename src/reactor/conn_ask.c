// A request, copied into a record for the worker that answers it. Loop thread.

#include "reactor/conn_ask.h"

#include <string.h>
#include "mailbox/batch.h"
#include "reactor/conn.h"
#include "reactor/conn_http.h"
#include "reactor/conn_tls.h"
#include "reactor/lane.h"
#include "reactor/loop.h"
#include "reactor/registry.h"

// Copies bytes behind the struct and says where.
static struct event_slice put(struct event_request *e, uint32_t *at, struct span s) {
  struct event_slice slice = {*at, (uint32_t)s.n};
  if (s.n > 0) memcpy((char *)e + *at, s.p, s.n);
  *at += (uint32_t)s.n;
  return slice;
}

static size_t event_size(const struct http_request *r, struct span address, struct span protocol,
                         const struct conn_tls_facts *facts) {
  size_t count = http_request_header_count(r);
  const struct http_header *headers = http_request_headers(r);
  size_t size = sizeof(struct event_request) + (count + facts->count) * sizeof(struct event_header);
  for (size_t i = 0; i < count; i++)
    size += headers[i].name.n + headers[i].value.n;
  for (unsigned i = 0; i < facts->count; i++)
    size += facts->list[i].name.n + facts->list[i].value.n;
  return size + http_request_method(r).n + http_request_target(r).n + address.n + protocol.n +
         http_request_body(r).n;
}

void conn_ask(struct conn *c, enum event_type type, struct lane *lane, uint64_t server,
              struct span protocol) {
  const struct exchange *x = c->exchange;
  const struct http_request *request = x->request;
  struct span address = span_of(x->client.address);
  struct conn_tls_facts facts;
  conn_tls_facts_init(&facts, c);
  c->handle = registry_add(&c->reactor->registry, c);
  _Atomic uint64_t *taken = registry_taken(&c->reactor->registry, c->handle);

  struct record *r =
      batch_push(&lane->batch, type, c->handle, event_size(request, address, protocol, &facts));
  struct event_request *e = (struct event_request *)r->payload;
  uint32_t count = (uint32_t)http_request_header_count(request);
  const struct http_header *headers = http_request_headers(request);
  uint32_t at = (uint32_t)(sizeof *e + (count + facts.count) * sizeof(struct event_header));
  *e = (struct event_request){.connection = c->id,
                              .server = server,
                              .taken = taken,
                              .taken_before = atomic_load_explicit(taken, memory_order_relaxed),
                              .port = x->client.port,
                              .secure = x->client.secure,
                              .header_count = count,
                              .certificate_count = facts.count};
  e->method = put(e, &at, http_request_method(request));
  e->target = put(e, &at, http_request_target(request));
  e->address = put(e, &at, address);
  e->protocol = put(e, &at, protocol);
  e->body = put(e, &at, http_request_body(request));
  for (uint32_t i = 0; i < count; i++) {
    e->headers[i].name = put(e, &at, headers[i].name);
    e->headers[i].value = put(e, &at, headers[i].value);
  }
  for (unsigned i = 0; i < facts.count; i++) {
    e->headers[count + i].name = put(e, &at, facts.list[i].name);
    e->headers[count + i].value = put(e, &at, facts.list[i].value);
  }
  conn_tls_facts_deinit(&facts);
}
