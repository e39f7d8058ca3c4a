// The configurations' lifetimes. Any thread.

#include "mailbox/config.h"

#include "base/mem.h"
#include "base/refs.h"
#include "mailbox/mailbox.h"

struct web_config *web_config_new(void) {
  struct web_config *c = mem_zalloc(sizeof *c);
  refs_init(&c->refs);
  return c;
}

struct web_config *web_config_ref(struct web_config *c) {
  refs_take(&c->refs);
  return c;
}

void web_config_unref(struct web_config *c) {
  if (!c || !refs_drop(&c->refs)) return;
  mailbox_unref(c->owner);
  mem_free(c->host);
  mem_free(c->root);
  mem_free(c->page_tail);
  mem_free_strings(c->trust_proxy);
  web_config_set_tls(c, NULL, 0);
  mem_free(c);
}

void web_config_set_tls(struct web_config *c, const struct tls_settings *list, size_t count) {
  struct tls_settings *copies = count > 0 ? mem_zalloc(count * sizeof *copies) : NULL;
  for (size_t i = 0; i < count; i++)
    tls_settings_copy(&copies[i], &list[i]);
  for (size_t i = 0; i < c->tls_count; i++)
    tls_settings_deinit(&c->tls[i]);
  mem_free(c->tls);
  c->tls = copies;
  c->tls_count = count;
}

struct web_group *web_group_new(char *host, uint16_t port, const struct web_config *first) {
  struct web_group *g = mem_zalloc(sizeof *g);
  refs_init(&g->refs);
  g->host = host;
  g->port = port;
  g->name = mem_dup_string(first->host);
  g->is_secure = first->tls_count > 0;
  return g;
}

struct web_group *web_group_ref(struct web_group *g) {
  refs_take(&g->refs);
  return g;
}

void web_group_unref(struct web_group *g) {
  if (!g || !refs_drop(&g->refs)) return;
  mem_free(g->host);
  mem_free(g->name);
  mem_free(g);
}

struct server_config *server_config_new(void) {
  struct server_config *c = mem_zalloc(sizeof *c);
  refs_init(&c->refs);
  return c;
}

struct server_config *server_config_ref(struct server_config *c) {
  refs_take(&c->refs);
  return c;
}

void server_config_unref(struct server_config *c) {
  if (!c || !refs_drop(&c->refs)) return;
  mailbox_unref(c->owner);
  mem_free(c->path);
  mem_free_strings(c->protocols);
  mem_free_strings(c->origins);
  mem_free(c);
}

struct client_config *client_config_new(void) {
  struct client_config *c = mem_zalloc(sizeof *c);
  refs_init(&c->refs);
  return c;
}

struct client_config *client_config_ref(struct client_config *c) {
  refs_take(&c->refs);
  return c;
}

void client_config_unref(struct client_config *c) {
  if (!c || !refs_drop(&c->refs)) return;
  mailbox_unref(c->owner);
  mem_free(c->host);
  mem_free(c->target);
  mem_free_strings(c->protocols);
  mem_free_strings(c->headers);
  tls_settings_deinit(&c->tls);
  mem_free(c->proxy_host);
  mem_free(c->proxy_authorization);
  mem_free(c);
}

struct server_group *server_group_new(void) {
  struct server_group *g = mem_zalloc(sizeof *g);
  refs_init(&g->refs);
  addresses_init(&g->addresses);
  return g;
}

struct server_group *server_group_ref(struct server_group *g) {
  refs_take(&g->refs);
  return g;
}

void server_group_unref(struct server_group *g) {
  if (!g || !refs_drop(&g->refs)) return;
  addresses_deinit(&g->addresses);
  mem_free(g);
}
