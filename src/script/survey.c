// Surveys of a worker: its memory and its servers. Runs in the Lua thread.

#include "script/survey.h"

#include "base/mem.h"
#include "base/survey.h"
#include "script/webserver.h"
#include "script/wss.h"

static unsigned count_servers(const struct runtime *rt) {
  unsigned count = 0;
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next)
    count += LIST_ENTRY(i, struct wss, node)->state == WSS_OPEN;
  return count;
}

static void list_servers(const struct runtime *rt, struct survey *s) {
  struct survey_server *next = s->servers;
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    const struct wss *wss = LIST_ENTRY(i, struct wss, node);
    if (wss->state != WSS_OPEN) continue;
    const struct server_config *c = wss->config;
    *next++ =
        (struct survey_server){.path = mem_dup_string(c->path),
                               .protocol = mem_dup_string(c->protocols ? c->protocols[0] : NULL),
                               .port = webserver_port(rt, wss->web)};
  }
}

static size_t count_blocks(const struct runtime *rt) {
  uint64_t bytes = mailbox_stats(rt->mailbox).bytes;
  for (unsigned i = 0; i < rt->reactor_count; i++)
    bytes += mailbox_stats(rt->options->reactors[i]).bytes;
  return (size_t)bytes;
}

// Twice: what a finalizer has kept alive goes with the second one.
void survey_tell(struct runtime *rt) {
  if (!rt->options->on_survey) return;
  lua_gc(rt->L, LUA_GCCOLLECT);
  lua_gc(rt->L, LUA_GCCOLLECT);
  struct survey *s = survey_new(count_servers(rt));
  s->is_loaded = rt->is_loaded;
  s->lua_used = rt->alloc.used;
  s->lua_taken = rt->alloc.taken;
  s->blocks = count_blocks(rt);
  list_servers(rt, s);
  rt->options->on_survey(rt->options->context, s);
}
