// Workers by name. A worker whose name is called again while it is ending has a successor, whose
// thread is there at once and first waits for its predecessor's end: so who calls learns when there
// is no thread to be had, and two workers of one name never run at the same time. Any thread but
// for what the header says.

#include "staff.h"

#include <pthread.h>
#include <string.h>
#include "base/mem.h"
#include "crew/crew.h"

struct member {
  struct list node; // on staff.members
  struct staff *staff;
  char *name, *path;
  struct worker_options options;
  struct stats stats;
  struct worker *worker;
  struct crew *crew;
  struct member *predecessor; // of the same name; the successor's thread joins and frees it
  // Of the lock.
  bool has_successor;
  bool has_ended; // its thread has nothing left to do
};

struct staff {
  struct worker_options model;
  pthread_mutex_t lock; // may be taken while the roster's is held
  struct list members;
  unsigned count;
  unsigned next_index;
};

static struct member *member_of(struct list *node) {
  return LIST_ENTRY(node, struct member, node);
}

struct staff *staff_new(const struct worker_options *model, unsigned first_index) {
  struct staff *s = mem_zalloc(sizeof *s);
  s->model = *model;
  s->model.stays = false;
  s->next_index = first_index;
  list_init(&s->members);
  pthread_mutex_init(&s->lock, NULL);
  return s;
}

static void free_member(struct member *m) {
  crew_free(m->crew);
  worker_free(m->worker);
  mem_free(m->name);
  mem_free(m->path);
  mem_free(m);
}

// Off the staff, joined and freed. Without the lock.
static void dismiss(struct member *m) {
  struct staff *s = m->staff;
  crew_join(m->crew);
  stats_all_remove(&s->model.pool->stats, &m->stats);
  pthread_mutex_lock(&s->lock);
  list_remove(&m->node);
  s->count--;
  pthread_mutex_unlock(&s->lock);
  free_member(m);
}

// The new worker's thread, before anything else.
static void on_begin(void *context) {
  struct member *m = context;
  if (m->predecessor) dismiss(m->predecessor);
  m->predecessor = NULL;
}

static void on_stop(void *context) {
  const struct worker_options *model = &((struct member *)context)->staff->model;
  model->on_stop(model->context);
}

// The worker's thread: its last act. Who joins it may free it from here on.
static void on_end(void *context, int exit_code) {
  struct member *m = context;
  struct staff *s = m->staff;
  pthread_mutex_lock(&s->lock);
  m->has_ended = true;
  pthread_mutex_unlock(&s->lock);
  s->model.on_end(s->model.context, exit_code);
}

// The latest of that name, which is ending. Lock held.
static struct member *find_predecessor(struct staff *s, const char *name) {
  for (struct list *i = s->members.next; i != &s->members; i = i->next) {
    struct member *m = member_of(i);
    if (!m->has_successor && strcmp(m->name, name) == 0) return m;
  }
  return NULL;
}

static struct member *new_member(struct staff *s, const char *name, const char *path,
                                 struct err *err) {
  struct member *m = mem_zalloc(sizeof *m);
  list_init(&m->node);
  m->staff = s;
  m->name = mem_dup_string(name);
  m->path = mem_dup_string(path);
  m->options = s->model;
  m->options.stats = &m->stats;
  m->options.name = m->name;
  m->options.path = m->path;
  m->options.index = s->next_index++;
  m->options.kin = m->options.index + 1;
  m->options.on_begin = on_begin;
  m->options.on_stop = on_stop;
  m->options.on_end = on_end;
  m->options.on_survey = NULL;
  m->options.on_console = NULL;
  m->options.context = m;
  m->worker = worker_new(&m->options, err);
  if (m->worker) m->crew = crew_new(NULL, m->worker);
  if (m->worker) return m;
  free_member(m);
  return NULL;
}

// Lock held.
static struct member *start_member(struct staff *s, const char *name, const char *path,
                                   struct err *err) {
  if (s->count == STAFF_MAX) {
    err_set(err, ERR_LUAW, ERR_CODE_BAD_HANDLER, "there are %d workers by name already", STAFF_MAX);
    return NULL;
  }
  struct member *m = new_member(s, name, path, err);
  if (!m) return NULL;
  struct member *before = m->predecessor = find_predecessor(s, name);
  if (before) before->has_successor = true;
  stats_all_add(&s->model.pool->stats, &m->stats);
  int status = crew_start(m->crew);
  if (status < 0) {
    err_set_errno(err, -status, "can't start a thread for worker '%s'", name);
    if (before) before->has_successor = false;
    stats_all_remove(&s->model.pool->stats, &m->stats);
    free_member(m);
    return NULL;
  }
  list_push(&s->members, &m->node);
  s->count++;
  return m;
}

struct seat *staff_make(struct staff *s, const char *name, const char *path, struct err *err) {
  pthread_mutex_lock(&s->lock);
  struct member *m = start_member(s, name, path, err);
  pthread_mutex_unlock(&s->lock);
  return m ? worker_seat(m->worker) : NULL;
}

// One that has ended, and that nobody else will join.
static struct member *find_ended(struct staff *s) {
  struct member *found = NULL;
  pthread_mutex_lock(&s->lock);
  for (struct list *i = s->members.next; i != &s->members && !found; i = i->next) {
    struct member *m = member_of(i);
    if (!m->has_ended || m->has_successor) continue;
    m->has_successor = true; // nobody may become it now
    found = m;
  }
  pthread_mutex_unlock(&s->lock);
  return found;
}

void staff_tidy(struct staff *s) {
  for (struct member *m; (m = find_ended(s));)
    dismiss(m);
}

void staff_free(struct staff *s) {
  if (!s) return;
  staff_tidy(s);
  pthread_mutex_destroy(&s->lock);
  mem_free(s);
}
