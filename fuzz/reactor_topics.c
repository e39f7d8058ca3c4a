// Fuzzes the trie of topics: the input is a row of subscriptions, their ends and searches, and what
// is found must be what going through a list finds. At the end no memory may be left.

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "mailbox/topic.h"
#include "reactor/topics.h"
#include "support/input.h"
#include "support/ledger.h"

enum { OWNERS = 8, SUBSCRIPTIONS_MAX = 200, STEPS_MAX = 2000 };

struct subscription {
  int owner;
  size_t n;
  char topic[TOPIC_MAX];
};

// The list, and the trie that is to agree with it.
struct world {
  struct topics topics;
  struct topics_subscriber *subscribers[OWNERS];
  struct subscription list[SUBSCRIPTIONS_MAX];
  size_t count;
  struct ledger ledger;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Some segments of a small alphabet, so that topics and patterns meet; now and then the bytes as
// they come. Returns the length; 0: no good topic.
static size_t read_topic(struct input *in, char out[TOPIC_MAX], bool may_be_pattern) {
  static const char *segments[] = {"a", "b", "ab", "c", "*", "a.a", ">", "b.*"};
  uint8_t choice = input_byte(in);
  size_t n = 0;
  if (choice >= 0xe0) {
    struct input raw = input_take(in, choice & 31);
    memcpy(out, raw.p, raw.n);
    n = raw.n;
  } else {
    for (int left = 1 + choice % 4; left > 0; left--) {
      const char *segment = segments[input_byte(in) & 7];
      memcpy(out + n, segment, strlen(segment));
      n += strlen(segment);
      if (left > 1) out[n++] = '.';
    }
  }
  return topic_check((struct span){out, n}, may_be_pattern) == NULL ? n : 0;
}

// Whether the pattern reaches the topic, segment by segment.
static bool matches(struct span pattern, struct span topic) {
  while (pattern.n > 0 && topic.n > 0) {
    struct span wanted = topic_next(&pattern), segment = topic_next(&topic);
    if (topic_is_rest(wanted)) return true;
    if (!topic_is_any(wanted) && !span_eq(wanted, segment)) return false;
  }
  return pattern.n == 0 && topic.n == 0;
}

static int find_in_list(const struct world *w, int owner, const char *topic, size_t n) {
  for (size_t i = 0; i < w->count; i++)
    if (w->list[i].owner == owner && w->list[i].n == n && memcmp(w->list[i].topic, topic, n) == 0)
      return (int)i;
  return -1;
}

static bool has_any(const struct world *w, int owner) {
  for (size_t i = 0; i < w->count; i++)
    if (w->list[i].owner == owner) return true;
  return false;
}

static void subscribe(struct world *w, int owner, const char *topic, size_t n) {
  if (w->count == SUBSCRIPTIONS_MAX) return;
  bool is_new = find_in_list(w, owner, topic, n) < 0;
  ledger_enter(&w->ledger);
  bool result = topics_subscribe(&w->topics, &w->subscribers[owner], w->subscribers + owner,
                                 (struct span){topic, n});
  ledger_leave(&w->ledger);
  assert(result == is_new);
  if (!is_new) return;
  struct subscription *s = &w->list[w->count++];
  s->owner = owner;
  s->n = n;
  memcpy(s->topic, topic, n);
}

static void unsubscribe(struct world *w, int owner, const char *topic, size_t n) {
  int at = find_in_list(w, owner, topic, n);
  ledger_enter(&w->ledger);
  bool result = topics_unsubscribe(&w->topics, &w->subscribers[owner], (struct span){topic, n});
  ledger_leave(&w->ledger);
  assert(result == (at >= 0));
  if (at >= 0) w->list[at] = w->list[--w->count];
}

static void leave(struct world *w, int owner) {
  ledger_enter(&w->ledger);
  topics_leave(&w->topics, &w->subscribers[owner]);
  ledger_leave(&w->ledger);
  size_t kept = 0;
  for (size_t i = 0; i < w->count; i++)
    if (w->list[i].owner != owner) w->list[kept++] = w->list[i];
  w->count = kept;
}

static void find(struct world *w, const char *topic, size_t n) {
  bool expected[OWNERS] = {false};
  size_t count = 0;
  for (size_t i = 0; i < w->count; i++) {
    const struct subscription *s = &w->list[i];
    if (expected[s->owner] || !matches((struct span){s->topic, s->n}, (struct span){topic, n}))
      continue;
    expected[s->owner] = true;
    count++;
  }
  const struct topics_member *members = NULL;
  ledger_enter(&w->ledger);
  size_t found = topics_find(&w->topics, (struct span){topic, n}, &members);
  ledger_leave(&w->ledger);
  assert(found == count);
  for (size_t i = 0; i < found; i++) {
    size_t owner = (size_t)((struct topics_subscriber **)members[i].owner - w->subscribers);
    assert(owner < OWNERS && expected[owner]);
    expected[owner] = false;
  }
}

static void step(struct world *w, struct input *in) {
  enum { FIND = 3, UNSUBSCRIBE = 6, LEAVE = 7 };
  uint8_t choice = input_byte(in);
  int what = choice & 7, owner = choice >> 3 & 7;
  char topic[TOPIC_MAX];
  size_t n = what == LEAVE ? 0 : read_topic(in, topic, what < FIND || what == UNSUBSCRIBE);
  if (what == LEAVE)
    leave(w, owner);
  else if (n > 0 && what < FIND)
    subscribe(w, owner, topic, n);
  else if (n > 0 && what == UNSUBSCRIBE)
    unsubscribe(w, owner, topic, n);
  else if (n > 0)
    find(w, topic, n);
  assert((w->subscribers[owner] != NULL) == has_any(w, owner));
  assert((w->topics.root != NULL) == (w->count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  struct world w = {.count = 0};
  topics_init(&w.topics);
  for (int i = 0; in.n > 0 && i < STEPS_MAX; i++)
    step(&w, &in);
  for (int owner = 0; owner < OWNERS; owner++)
    leave(&w, owner);
  ledger_enter(&w.ledger);
  topics_deinit(&w.topics);
  ledger_leave(&w.ledger);
  assert(w.ledger.live == 0);
  return 0;
}
