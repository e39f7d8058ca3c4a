// Folding of errors. An entry is a place in a source, with the messages that have come from there.
// Runs in the Lua thread.

#include "script/fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/character.h"
#include "base/hash.h"
#include "base/mem.h"

enum {
  ENTRIES_MAX = 128,
  MESSAGES_MAX = 8, // different ones of a place that are shown in a span; others are only counted
  TEXT_MAX = 160,   // bytes of a message that a summary repeats
  LABEL_MAX = SUBJECT_NAME_MAX * 2,
  TOLD_MAX = LABEL_MAX + LUA_IDSIZE + TEXT_MAX + 128,
};

struct message {
  uint64_t key;
  bool is_new;    // since the last summary
  uint64_t count; // since it was told last
  char text[TEXT_MAX];
};

struct entry {
  struct list node; // the latest one last
  uint64_t key;
  char name[LABEL_MAX];
  char file[LUA_IDSIZE];
  int line;
  unsigned generation;
  unsigned message_count;
  struct message messages[MESSAGES_MAX];
  uint64_t others; // of further messages, since they were told last
};

struct fold {
  struct runtime *rt;
  struct hash_key key;
  struct list entries;
  unsigned count;
  uint64_t elsewhere;  // errors of places that there was no entry for
  struct entry latest; // of them: name, file, line, and one message
  uint64_t began;      // ms: of the span
  struct deadline due;
};

static void on_due(struct runtime *rt, struct deadline *d);

static struct fold *need_fold(struct runtime *rt) {
  if (rt->fold) return rt->fold;
  struct fold *f = rt->fold = mem_zalloc(sizeof *f);
  f->rt = rt;
  hash_key_init(&f->key);
  list_init(&f->entries);
  runtime_deadline_init(&f->due, on_due);
  return f;
}

// "4,812"
static const char *format_count(uint64_t count, char text[32]) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;
  for (int i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0) text[at++] = ',';
    text[at++] = digits[i];
  }
  text[at] = '\0';
  return text;
}

static uint64_t get_seconds(const struct fold *f) {
  uint64_t seconds = (f->rt->now - f->began + 999) / 1000;
  return seconds > 0 ? seconds : 1;
}

// One line about `count` errors. `e` says where the latest one was.
static void tell(const struct entry *e, uint64_t count, const char *text) {
  struct log_field fields[4];
  size_t used = 0;
  if (log_is_json()) {
    fields[used++] =
        (struct log_field){.key = "repeated", .kind = LOG_INTEGER, .integer = (int64_t)count};
    if (e->line > 0) {
      fields[used++] = (struct log_field){
          .key = "file", .kind = LOG_STRING, .string = e->file, .length = strlen(e->file)};
      fields[used++] = (struct log_field){.key = "line", .kind = LOG_INTEGER, .integer = e->line};
    }
    if (e->generation > 1)
      fields[used++] =
          (struct log_field){.key = "generation", .kind = LOG_INTEGER, .integer = e->generation};
  }
  log_write(LOG_ERROR, text, strlen(text), fields, used);
}

static void tell_same(const struct fold *f, const struct entry *e, const struct message *m) {
  char number[32], text[TOLD_MAX];
  snprintf(text, sizeof text, "%s: the same %s%s more in the last %" PRIu64 " s: %s", e->name,
           m->count == 1 ? "once" : format_count(m->count, number), m->count == 1 ? "" : " times",
           get_seconds(f), m->text);
  tell(e, m->count, text);
}

static void tell_others(const struct fold *f, const struct entry *e) {
  char number[32], text[TOLD_MAX];
  snprintf(text, sizeof text, "%s: %s more with other messages in the last %" PRIu64 " s: %s:%d",
           e->name, format_count(e->others, number), get_seconds(f), e->file, e->line);
  tell(e, e->others, text);
}

static void tell_elsewhere(struct fold *f) {
  if (f->elsewhere == 0) return;
  const struct entry *e = &f->latest;
  char number[32], text[TOLD_MAX];
  snprintf(text, sizeof text,
           "%s more at other places in the last %" PRIu64 " s; the latest: %s: %s",
           format_count(f->elsewhere, number), get_seconds(f), e->name, e->messages[0].text);
  tell(e, f->elsewhere, text);
  f->elsewhere = 0;
}

// Tells what has been counted, and forgets the messages that have been quiet for a whole span: they
// are shown in full when they come again. Whether any is left.
static bool tell_entry(const struct fold *f, struct entry *e) {
  unsigned kept = 0;
  for (unsigned i = 0; i < e->message_count; i++) {
    struct message m = e->messages[i];
    if (m.count > 0) tell_same(f, e, &m);
    if (m.count == 0 && !m.is_new) continue;
    m.count = 0;
    m.is_new = false;
    e->messages[kept++] = m;
  }
  e->message_count = kept;
  if (e->others > 0) tell_others(f, e);
  e->others = 0;
  return kept > 0;
}

static void drop(struct fold *f, struct entry *e) {
  list_remove(&e->node);
  f->count--;
  mem_free(e);
}

static void start_span(struct fold *f) {
  f->began = runtime_clock(f->rt);
  wheel_start(&f->rt->wheel, &f->due.timer, f->began + FOLD_MS);
}

static void on_due(struct runtime *rt, struct deadline *d) {
  struct fold *f = LIST_ENTRY(d, struct fold, due);
  (void)rt;
  for (struct list *i = f->entries.next, *next; i != &f->entries; i = next) {
    next = i->next;
    struct entry *e = LIST_ENTRY(i, struct entry, node);
    if (!tell_entry(f, e)) drop(f, e);
  }
  tell_elsewhere(f);
  if (f->count > 0) start_span(f);
}

static struct entry *find_entry(struct fold *f, uint64_t key) {
  for (struct list *i = f->entries.next; i != &f->entries; i = i->next) {
    struct entry *e = LIST_ENTRY(i, struct entry, node);
    if (e->key == key) return e;
  }
  return NULL;
}

static bool is_quiet(const struct entry *e) {
  bool is_quiet = e->others == 0;
  for (unsigned i = 0; i < e->message_count; i++)
    is_quiet = is_quiet && e->messages[i].count == 0 && !e->messages[i].is_new;
  return is_quiet;
}

static void fill_entry(struct entry *e, const struct subject *s, const struct place *p) {
  e->generation = s->generation;
  e->line = p->line;
  memcpy(e->file, p->file, sizeof e->file);
  subject_name(s, e->name, sizeof e->name);
}

static void keep_text(struct message *m, const char *message) {
  size_t shown = strcspn(message, "\n");
  shown = character_cut(message, shown, sizeof m->text - 1);
  memcpy(m->text, message, shown);
  m->text[shown] = '\0';
}

// NULL: this span has brought as many places as may be shown.
static struct entry *add_entry(struct fold *f, uint64_t key, const struct subject *s,
                               const struct place *p) {
  if (f->count == ENTRIES_MAX) {
    struct entry *oldest = LIST_ENTRY(f->entries.next, struct entry, node);
    if (!is_quiet(oldest)) return NULL;
    drop(f, oldest);
  }
  struct entry *e = mem_zalloc(sizeof *e);
  e->key = key;
  fill_entry(e, s, p);
  if (f->count++ == 0) start_span(f);
  list_push(&f->entries, &e->node);
  return e;
}

// The key of a place: its line of a file; without one, what it is that has failed.
static uint64_t make_key(const struct fold *f, const struct subject *s, const struct place *p) {
  char text[LUA_IDSIZE + LABEL_MAX + 32];
  char name[LABEL_MAX];
  name[0] = '\0';
  if (p->line <= 0) subject_name(s, name, sizeof name);
  int n = snprintf(text, sizeof text, "%u:%s:%d:%s", s->generation, p->file, p->line, name);
  return hash_bytes(&f->key, text, (size_t)n);
}

bool fold_admit(struct runtime *rt, const struct subject *s, const struct place *p,
                const char *message, size_t length) {
  struct fold *f = need_fold(rt);
  uint64_t key = make_key(f, s, p);
  struct entry *e = find_entry(f, key);
  if (!e) e = add_entry(f, key, s, p);
  if (!e) {
    f->elsewhere++;
    fill_entry(&f->latest, s, p);
    keep_text(&f->latest.messages[0], message);
    return false;
  }
  list_remove(&e->node);
  list_push(&f->entries, &e->node);
  uint64_t message_key = hash_bytes(&f->key, message, length);
  for (unsigned i = 0; i < e->message_count; i++) {
    if (e->messages[i].key != message_key) continue;
    e->messages[i].count++;
    return false;
  }
  if (e->message_count == MESSAGES_MAX) {
    e->others++;
    return false;
  }
  struct message *m = &e->messages[e->message_count++];
  *m = (struct message){.key = message_key, .is_new = true};
  keep_text(m, message);
  return true;
}

void fold_deinit(struct runtime *rt) {
  struct fold *f = rt->fold;
  if (!f) return;
  runtime_clock(rt);
  while (!list_empty(&f->entries)) {
    struct entry *e = LIST_ENTRY(f->entries.next, struct entry, node);
    tell_entry(f, e);
    drop(f, e);
  }
  tell_elsewhere(f);
  wheel_stop(&f->due.timer);
  mem_free(f);
  rt->fold = NULL;
}
