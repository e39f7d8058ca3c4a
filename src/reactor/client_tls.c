// Clients' contexts of TLS, the latest first. Loop thread.

#include "reactor/client_tls.h"

#include <string.h>
#include <sys/stat.h>
#include "base/list.h"
#include "base/mem.h"
#include "net/tls_context.h"
#include "reactor/loop.h"

enum {
#ifdef LUAWS_TINY
  KEPT_MAX = 1,
#else
  KEPT_MAX = 8, // nearly all clients of a process have the same settings
#endif
};

// By which a file that has changed is known. All zero: it is none, or can't be found.
struct stamp {
  dev_t device;
  ino_t inode;
  off_t size;
  time_t seconds;
  long nanoseconds;
};

struct kept {
  struct list node; // on reactor.client_tls
  struct tls_settings settings;
  struct stamp cert, key, ca;
  struct tls_context *context;
};

static struct stamp stamp_of(const char *path) {
  struct stat st;
  if (!path || stat(path, &st) != 0) return (struct stamp){0};
  return (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

static bool is_same_file(const struct stamp *kept, const char *path) {
  struct stamp now = stamp_of(path);
  return kept->device == now.device && kept->inode == now.inode && kept->size == now.size &&
         kept->seconds == now.seconds && kept->nanoseconds == now.nanoseconds;
}

static bool is_same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_for(const struct kept *k, const struct tls_settings *s) {
  const struct tls_settings *own = &k->settings;
  return own->verify == s->verify && own->min_version == s->min_version &&
         is_same_text(own->ca, s->ca) && is_same_text(own->cert, s->cert) &&
         is_same_text(own->key, s->key) && is_same_text(own->ciphers, s->ciphers) &&
         is_same_file(&k->ca, s->ca) && is_same_file(&k->cert, s->cert) &&
         is_same_file(&k->key, s->key);
}

static struct kept *kept_of(struct list *node) {
  return LIST_ENTRY(node, struct kept, node);
}

static void free_kept(struct kept *k) {
  list_remove(&k->node);
  tls_settings_deinit(&k->settings);
  counted_unref(tls_context_counted(k->context));
  mem_free(k);
}

static struct kept *find(struct reactor *r, const struct tls_settings *settings) {
  for (struct list *i = r->client_tls.next; i != &r->client_tls; i = i->next) {
    if (is_for(kept_of(i), settings)) return kept_of(i);
  }
  return NULL;
}

// The stamps come before the files are read: one that changes meanwhile is read again next time.
static struct kept *make(const struct tls_settings *settings, struct err *err) {
  struct stamp cert = stamp_of(settings->cert), key = stamp_of(settings->key),
               ca = stamp_of(settings->ca);
  struct tls_context *context = tls_context_new_client(settings, err);
  if (!context) return NULL;
  struct kept *k = mem_zalloc(sizeof *k);
  list_init(&k->node);
  tls_settings_copy(&k->settings, settings);
  k->cert = cert;
  k->key = key;
  k->ca = ca;
  k->context = context;
  return k;
}

static void drop_oldest(struct reactor *r) {
  unsigned count = 0;
  for (struct list *i = r->client_tls.next; i != &r->client_tls; i = i->next)
    count++;
  if (count > KEPT_MAX) free_kept(kept_of(r->client_tls.prev));
}

struct tls_context *client_tls(struct reactor *r, const struct tls_settings *settings,
                               struct err *err) {
  struct kept *k = find(r, settings);
  if (!k) k = make(settings, err);
  if (!k) return NULL;
  list_remove(&k->node);
  list_push(r->client_tls.next, &k->node); // to the front
  drop_oldest(r);
  return tls_context_of(counted_ref(tls_context_counted(k->context)));
}

void client_tls_drop(struct reactor *r) {
  while (!list_empty(&r->client_tls))
    free_kept(kept_of(r->client_tls.next));
}
