// The forms of frames for many. Loop thread.

#include "reactor/form.h"

#include "base/mem.h"
#include "mailbox/batch.h"
#include "reactor/loop.h"
#include "ws/deflate.h"

enum { PLAIN = 0 };

struct form {
  struct form *next;     // of the same record; the first is its scratch
  struct form *older;    // of all of this flush
  uint32_t key;          // PLAIN, or by what it was compressed
  struct shared *shared; // NULL: compressed it would be no smaller
};

static uint32_t key_of(const struct ws_deflate_params *p) {
  return 1u << 24 | (uint32_t)p->out_bits << 16 | (uint32_t)p->level << 8 | p->mem_level;
}

static struct form *find(const struct record *record, uint32_t key) {
  struct form *f = record->scratch;
  while (f && f->key != key)
    f = f->next;
  return f;
}

static struct form *add(struct reactor *r, struct record *record, uint32_t key,
                        struct shared *shared) {
  struct form *f = mem_alloc(sizeof *f);
  *f = (struct form){record->scratch, r->forms, key, shared};
  record->scratch = r->forms = f;
  return f;
}

struct shared *form_keep(struct reactor *r, struct record *record, const unsigned char *data,
                         uint32_t length) {
  for (struct form *f = record->scratch; f; f = f->next) {
    if (f->shared && f->shared->data == data) return f->shared;
  }
  struct form *plain = find(record, PLAIN);
  if (!plain) plain = add(r, record, PLAIN, shared_new(data, length));
  return plain->shared;
}

struct shared *form_compress(struct reactor *r, struct record *record, struct ws_deflate *d,
                             const struct ws_frame_header *header, struct span payload) {
  uint32_t key = key_of(&d->params);
  struct form *f = find(record, key);
  if (f) return f->shared;
  struct span frame;
  bool is_smaller = ws_deflate_frame(d, (enum ws_opcode)header->opcode, payload, NULL, &frame);
  return add(r, record, key, is_smaller ? shared_new(frame.p, frame.n) : NULL)->shared;
}

void forms_release(struct reactor *r) {
  while (r->forms) {
    struct form *f = r->forms;
    r->forms = f->older;
    if (f->shared) shared_unref(f->shared);
    mem_free(f);
  }
}
