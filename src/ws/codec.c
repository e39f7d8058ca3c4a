// zlib's streams, and the memory that messages pass through. Runs on the thread that owns the
// codec.

#include "ws/codec.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>
#include "base/mem.h"

enum {
#ifdef LUAWS_TINY
  BLOCK_SIZE = 16,
  SCRATCH_KEPT = 16,
#else
  BLOCK_SIZE = 64 * 1024,   // of frames; one such block is kept
  SCRATCH_KEPT = 64 * 1024, // larger scratch is given back after its message
#endif
};

// The deflater for one set of parameters: there are as many as servers and their clients agree on.
struct deflater {
  struct deflater *next;
  uint8_t bits;
  uint8_t level;
  uint8_t mem_level;
  z_stream *stream;
};

// Frames lie one behind the other. Blocks are never moved: somebody points into them.
struct block {
  struct block *next; // an older one
  size_t capacity;
  size_t used;
  uint8_t bytes[];
};

struct ws_codec {
  struct deflater *deflaters;
  z_stream *inflater;
  struct block *blocks; // the newest first
  struct buf scratch;
  size_t kept;
  uint64_t deflated;
  uint64_t inflated;
};

static void *on_alloc(void *context, unsigned items, unsigned size) {
  (void)context;
  return mem_alloc((size_t)items * size);
}

static void on_free(void *context, void *p) {
  (void)context;
  mem_free(p);
}

static z_stream *new_stream(void) {
  z_stream *z = mem_zalloc(sizeof *z);
  z->zalloc = on_alloc;
  z->zfree = on_free;
  return z;
}

struct ws_codec *ws_codec_new(void) {
  return mem_zalloc(sizeof(struct ws_codec));
}

void ws_codec_free(struct ws_codec *c) {
  if (!c) return;
  while (c->deflaters) {
    struct deflater *d = c->deflaters;
    c->deflaters = d->next;
    ws_codec_free_deflater(d->stream);
    mem_free(d);
  }
  ws_codec_free_inflater(c->inflater);
  while (c->blocks) {
    struct block *b = c->blocks;
    c->blocks = b->next;
    mem_free(b);
  }
  buf_deinit(&c->scratch);
  mem_free(c);
}

uint64_t ws_codec_deflated(const struct ws_codec *c) {
  return c->deflated;
}

uint64_t ws_codec_inflated(const struct ws_codec *c) {
  return c->inflated;
}

void ws_codec_count_deflated(struct ws_codec *c) {
  c->deflated++;
}

void ws_codec_count_inflated(struct ws_codec *c) {
  c->inflated++;
}

// Streams -----------------------------------------------------------------------------------------

struct z_stream_s *ws_codec_new_deflater(unsigned bits, unsigned level, unsigned mem_level) {
  // With 8 bits zlib would make raw streams that need 9 to be read.
  assert(bits >= 9 && bits <= 15);
  z_stream *z = new_stream();
  int result =
      deflateInit2(z, (int)level, Z_DEFLATED, -(int)bits, (int)mem_level, Z_DEFAULT_STRATEGY);
  assert(result == Z_OK);
  return z;
}

void ws_codec_free_deflater(struct z_stream_s *z) {
  if (!z) return;
  deflateEnd(z); // it may say that a message was in progress
  mem_free(z);
}

struct z_stream_s *ws_codec_new_inflater(void) {
  z_stream *z = new_stream();
  int result = inflateInit2(z, -15);
  assert(result == Z_OK);
  return z;
}

void ws_codec_free_inflater(struct z_stream_s *z) {
  if (!z) return;
  inflateEnd(z);
  mem_free(z);
}

static struct deflater *find_deflater(struct ws_codec *c, unsigned bits, unsigned level,
                                      unsigned mem_level) {
  for (struct deflater *d = c->deflaters; d; d = d->next) {
    if (d->bits == bits && d->level == level && d->mem_level == mem_level) return d;
  }
  return NULL;
}

struct z_stream_s *ws_codec_deflater(struct ws_codec *c, unsigned bits, unsigned level,
                                     unsigned mem_level) {
  struct deflater *d = find_deflater(c, bits, level, mem_level);
  if (d) {
    deflateReset(d->stream);
    return d->stream;
  }
  d = mem_zalloc(sizeof *d);
  d->bits = (uint8_t)bits;
  d->level = (uint8_t)level;
  d->mem_level = (uint8_t)mem_level;
  d->stream = ws_codec_new_deflater(bits, level, mem_level);
  d->next = c->deflaters;
  c->deflaters = d;
  return d->stream;
}

struct z_stream_s *ws_codec_inflater(struct ws_codec *c) {
  if (!c->inflater)
    c->inflater = ws_codec_new_inflater();
  else
    inflateReset(c->inflater);
  return c->inflater;
}

// Frames ------------------------------------------------------------------------------------------

size_t ws_codec_held(const struct ws_codec *c) {
  size_t held = 0;
  for (const struct block *b = c->blocks; b; b = b->next)
    held += b->used;
  return held;
}

// One block of the usual size stays.
void ws_codec_release(struct ws_codec *c) {
  struct block *kept = NULL;
  while (c->blocks) {
    struct block *b = c->blocks;
    c->blocks = b->next;
    if (!kept && b->capacity == BLOCK_SIZE)
      kept = b;
    else
      mem_free(b);
  }
  if (!kept) return;
  kept->used = 0;
  kept->next = NULL;
  c->blocks = kept;
}

uint8_t *ws_codec_reserve(struct ws_codec *c, size_t size) {
  struct block *b = c->blocks;
  if (!b || b->capacity - b->used < size) {
    size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    b = mem_alloc(sizeof *b + capacity);
    b->capacity = capacity;
    b->used = 0;
    b->next = c->blocks;
    c->blocks = b;
  }
  return b->bytes + b->used;
}

// An older block that has nothing but what was copied would only take memory.
static void drop_if_empty(struct ws_codec *c, struct block *b) {
  if (b->used > 0) return;
  struct block **link = &c->blocks;
  while (*link != b)
    link = &(*link)->next;
  *link = b->next;
  mem_free(b);
}

uint8_t *ws_codec_enlarge(struct ws_codec *c, uint8_t *at, size_t used, size_t size) {
  struct block *before = c->blocks;
  uint8_t *to = ws_codec_reserve(c, size);
  if (to == at) return at;
  memcpy(to, at, used);
  drop_if_empty(c, before);
  return to;
}

void ws_codec_commit(struct ws_codec *c, size_t size) {
  c->blocks->used += size;
}

size_t ws_codec_kept(const struct ws_codec *c) {
  return c->kept;
}

void ws_codec_keep(struct ws_codec *c, size_t n) {
  c->kept += n;
}

void ws_codec_unkeep(struct ws_codec *c, size_t n) {
  assert(n <= c->kept);
  c->kept -= n;
}

// Scratch -----------------------------------------------------------------------------------------

struct buf *ws_codec_scratch(struct ws_codec *c, size_t max) {
  if (c->scratch.cap > max) buf_deinit(&c->scratch);
  c->scratch.len = 0;
  c->scratch.max = max;
  return &c->scratch;
}

void ws_codec_trim_scratch(struct ws_codec *c) {
  if (c->scratch.cap > SCRATCH_KEPT) buf_deinit(&c->scratch);
}
