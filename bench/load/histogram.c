// Why the generator can keep every sample of a run: it only counts. Main thread.

#include <string.h>
#include "histogram.h"

static unsigned bucket_of(uint64_t value);
static uint64_t top_of(unsigned bucket);

void histogram_clear(struct histogram *h) {
  memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, uint64_t value) {
  h->count++;
  h->buckets[bucket_of(value)]++;
  if (value > h->max) h->max = value;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile) {
  uint64_t wanted = (uint64_t)(quantile * (double)h->count);
  uint64_t seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += h->buckets[i];
    if (seen > wanted) return top_of(i) < h->max ? top_of(i) : h->max;
  }
  return h->max;
}

// Below 2^BITS each value has a bucket of its own; above, each power of two is cut into 2^BITS.
static unsigned bucket_of(uint64_t value) {
  if (value < 1u << HISTOGRAM_BITS) return (unsigned)value;
  unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
  return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

// The largest value in a bucket.
static uint64_t top_of(unsigned bucket) {
  if (bucket < 2u << HISTOGRAM_BITS) return bucket;
  unsigned shift = (bucket >> HISTOGRAM_BITS) - 1;
  uint64_t leading = bucket - ((uint64_t)shift << HISTOGRAM_BITS);
  return ((leading + 1) << shift) - 1;
}
